//! Names and error texts come from servers and clients, and a damaged or hostile one may hold anything.

use std::borrow::Cow;

/// `text` on one line, in one direction: what would steer a terminal, end the line or turn the text around is shown as its
/// number.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_steers_a_terminal_or_turns_text_is_shown_as_its_number() {
        assert_eq!(visible("日本語 <b> \"a\""), "日本語 <b> \"a\"");
        assert_eq!(visible("a\n\u{1b}[2Jb\u{202e}c\u{9b}"), "a\\u{a}\\u{1b}[2Jb\\u{202e}c\\u{9b}");
    }
}
