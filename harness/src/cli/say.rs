//! What a command says: standard output and standard error may be closed or full, which is no reason to panic.

use std::io;

use super::CommandError;

/// Writes `text` to standard output. Who closed it has read enough.
pub(super) fn say(text: &str) -> Result<(), CommandError> {
    taken(io::stdout().lock(), text).map_err(CommandError::io("standard output"))
}

/// Writes a line to standard error. There is nobody to tell when that fails: the exit code still says it.
pub(super) fn complain(text: &str) {
    let _untold = taken(io::stderr().lock(), &format!("{text}\n"));
}

fn taken(mut out: impl io::Write, text: &str) -> io::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses everything with an error of this kind.
    struct Refuses(io::ErrorKind);

    impl io::Write for Refuses {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        assert!(taken(Refuses(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(taken(Refuses(io::ErrorKind::StorageFull), "x").is_err());
    }
}
