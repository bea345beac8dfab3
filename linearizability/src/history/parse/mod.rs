//! JSONL to [`History`]. A file is cut into blocks of lines; workers parse them in turn, each with its own name table, and
//! the caller joins them in order. Memory stays at the model's size: no block outlives its joining.

mod assemble;
mod bodies;
mod cursor;
mod error;
mod fields;
mod keys;
mod line;
mod scan;
#[cfg(test)]
mod tests;
mod usual;
mod vocabulary;

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use assemble::{Assembler, NewNames, Renaming};
use bodies::Bodies;
use line::{Batch, Tables, parse_line};

pub use error::{HistoryError, Problem};

use super::model::History;

/// Bytes of a block: larger ones show more bodies twice, smaller ones stay in a core's cache with what is parsed from them.
const BLOCK: usize = 1 << 20;
/// Bytes that are read at a time to find the end of a block's last line: more than most lines have.
const LINE: usize = 4 << 10;
/// Files below this are parsed by the caller alone: threads would cost more than they save.
const PARALLEL_MIN: u64 = 4 << 20;
/// Workers beside the caller, if the machine has as many cores; the history does not depend on their number.
const WORKERS_MAX: usize = 4;

/// What a worker made of one block.
struct Parsed {
    batch: Batch,
    new: NewNames,
    /// The line of the block (from 1) that could not be parsed, and why.
    failed: Option<Problem>,
}

/// Parses a history that is in memory.
///
/// # Errors
/// The first line that is damaged or breaks a rule of the format.
pub fn parse_history(text: &[u8]) -> Result<History, HistoryError> {
    let mut assembler = Assembler::default();
    let mut tables = Tables::default();
    let mut sent = Sent::default();
    let mut renaming = Renaming::default();
    let parsed = parse_block(text, true, Batch::default(), &mut tables, &mut sent);
    join(&mut assembler, &mut renaming, parsed)?;
    assembler.finish()
}

/// Parses the history in the file `path`.
///
/// # Errors
/// I/O errors, and the first line that is damaged or breaks a rule of the format.
pub fn read_history(path: &Path) -> Result<History, HistoryError> {
    let io = |cause| HistoryError::Io { path: path.display().to_string(), cause };
    let file = open_regular(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size < PARALLEL_MIN {
        let mut text = Vec::with_capacity(size as usize);
        (&file).take(size).read_to_end(&mut text).map_err(io)?;
        return parse_history(&text);
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX);
    read_parallel(&file, size, workers, path)
}

/// Opens a file whose end is known. A pipe may never be written to, and a device may never end.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<File> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        let what =
            if metadata.is_dir() { "a directory" } else { "a pipe or a device: write what it yields into a file" };
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("not a file but {what}")));
    }
    File::open(path)
}

type Delivery = Result<Parsed, std::io::Error>;

/// Blocks that a worker may be ahead of the caller. With four the parser took a few percent more processor time.
const AHEAD: usize = 2;

/// The caller's ends of the channels to one worker.
struct Lane {
    parsed: Receiver<Delivery>,
    /// Batches to fill again: fresh memory costs a page fault for every 4 KiB.
    emptied: SyncSender<Batch>,
    renaming: Renaming,
}

fn read_parallel(file: &File, size: u64, workers: usize, path: &Path) -> Result<History, HistoryError> {
    let blocks = size.div_ceil(BLOCK as u64) as usize;
    std::thread::scope(|scope| {
        let mut lanes: Vec<Lane> = (0..workers)
            .map(|worker| {
                let (out, parsed) = sync_channel(AHEAD);
                let (emptied, spare) = sync_channel(AHEAD);
                scope.spawn(move || parse_lane(file, size, (worker..blocks).step_by(workers), &out, &spare));
                Lane { parsed, emptied, renaming: Renaming::default() }
            })
            .collect();
        let mut assembler = Assembler::default();
        for block in 0..blocks {
            let lane = &mut lanes[block % workers];
            let delivery = lane.parsed.recv().expect("a worker delivers every block of its lane");
            let parsed = delivery.map_err(|cause| HistoryError::Io { path: path.display().to_string(), cause })?;
            let batch = join(&mut assembler, &mut lane.renaming, parsed)?;
            // A worker that has enough of them, or is done, lets this one go.
            let _ = lane.emptied.try_send(batch);
        }
        assembler.finish()
    })
}

fn parse_lane(
    file: &File,
    size: u64,
    blocks: impl Iterator<Item = usize>,
    out: &SyncSender<Delivery>,
    spare: &Receiver<Batch>,
) {
    let mut tables = Tables::default();
    let mut sent = Sent::default();
    let mut buffer = Vec::with_capacity(BLOCK * 2);
    for block in blocks {
        let batch = spare.try_recv().unwrap_or_default();
        let delivery = read_block(file, size, block, &mut buffer)
            .map(|lines| parse_block(&buffer[lines.start..lines.end], lines.last, batch, &mut tables, &mut sent));
        let failed = delivery.as_ref().map_or(true, |parsed| parsed.failed.is_some());
        // A closed channel means that the reader gave up on an error elsewhere.
        if out.send(delivery).is_err() || failed {
            return;
        }
    }
}

struct Lines {
    start: usize,
    end: usize,
    last: bool,
}

/// Reads the lines that begin in `block` into `buffer`.
fn read_block(file: &File, size: u64, block: usize, buffer: &mut Vec<u8>) -> std::io::Result<Lines> {
    let from = block as u64 * BLOCK as u64;
    // One byte before the block: a newline there means that a line begins exactly at the block.
    let offset = from.saturating_sub(1);
    let until = (from + BLOCK as u64).min(size);
    // What it held is written over, not cleared first.
    buffer.resize((until - offset) as usize, 0);
    file.read_exact_at(buffer, offset)?;
    let start = if block == 0 { 0 } else { memchr::memchr(b'\n', buffer).map_or(buffer.len(), |newline| newline + 1) };
    let mut end = until;
    // The last line goes on into the next block, unless no line begins here at all.
    while start < buffer.len() && end < size && buffer.last() != Some(&b'\n') {
        let mut more = vec![0; LINE.min((size - end) as usize)];
        file.read_exact_at(&mut more, end)?;
        end += more.len() as u64;
        let newline = memchr::memchr(b'\n', &more);
        buffer.extend_from_slice(newline.map_or(&more[..], |newline| &more[..=newline]));
    }
    Ok(Lines { start, end: buffer.len(), last: until == size || (end == size && buffer.last() != Some(&b'\n')) })
}

/// How many entries of a worker's tables were delivered.
#[derive(Default)]
struct Sent {
    names: usize,
    check_lists: usize,
}

fn parse_block(text: &[u8], last: bool, mut batch: Batch, tables: &mut Tables, sent: &mut Sent) -> Parsed {
    let mut failed = None;
    let mut bodies = Bodies::default();
    let mut rest = text;
    while !rest.is_empty() {
        match parse_line(rest, tables, &mut batch, &mut bodies) {
            Ok(length) => rest = rest.get(length + 1..).unwrap_or_default(),
            Err(damage) => {
                let cut_off = last && memchr::memchr(b'\n', rest).is_none();
                let damaged = Problem::Damaged { column: damage.column, expected: damage.expected };
                failed = Some(if cut_off { Problem::CutOff } else { damaged });
                break;
            }
        }
    }
    let fresh = |names: &crate::history::Names, from: usize| {
        (from..names.len()).map(|number| names.bytes(crate::history::Symbol(number as u32)).into()).collect()
    };
    let new =
        NewNames { names: fresh(&tables.names, sent.names), check_lists: fresh(&tables.check_lists, sent.check_lists) };
    *sent = Sent { names: tables.names.len(), check_lists: tables.check_lists.len() };
    Parsed { batch, new, failed }
}

/// Adds a block to the history; its batch, emptied.
fn join(assembler: &mut Assembler, renaming: &mut Renaming, parsed: Parsed) -> Result<Batch, HistoryError> {
    assembler.rename(renaming, &parsed.new);
    let batch = assembler.append(parsed.batch, renaming)?;
    match parsed.failed {
        None => Ok(batch),
        Some(problem) => Err(HistoryError::Line { line: assembler.line() + 1, problem }),
    }
}
