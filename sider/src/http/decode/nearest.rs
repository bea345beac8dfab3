//! The right name next to a wrong one, for error messages.

/// The candidate that is nearest to `wrong`, if one is near enough to be what was meant: one edit in three characters.
pub(super) fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_ascii_lowercase().chars().take(64).collect();
    candidates
        .map(|candidate| (distance(&wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(wrong.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let width = b.len() + 1;
    let mut rows = vec![0_usize; (a.len() + 1) * width];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i * width + j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[(i - 1) * width + j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let insert_or_delete = rows[(i - 1) * width + j].min(rows[i * width + j - 1]) + 1;
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped { rows[(i - 2) * width + j - 2] + 1 } else { usize::MAX };
                replace.min(insert_or_delete).min(swap)
            };
        }
    }
    rows[a.len() * width + b.len()]
}
