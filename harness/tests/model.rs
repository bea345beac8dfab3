use clap::ValueEnum;
use harness::model::check::check;
use harness::model::watch::{Broken, Watching};
#[test]
fn watch() {
    println!("{}", check(Watching::new(None), 1, |_| {}));
    for b in Broken::value_variants() {
        println!("{b:?} {}", check(Watching::new(Some(*b)), 1, |_| {}));
    }
}
