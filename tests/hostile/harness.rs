//! Runs a parser on inputs that are made from good ones, and holds it to what every parser must do.

use crate::allocator::peak;
use crate::random::Random;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The files of an input, each with its name, in which `/` parts folders.
pub type Input = Vec<(String, Vec<u8>)>;

/// A parser, its good inputs, and how they are spoilt.
pub struct Target {
    pub name: &'static str,
    pub seeds: fn() -> Vec<Input>,
    pub mutate: fn(&mut Input, &mut Random),
    /// Parses the files of a folder: why they are refused. Panics where what was read does not hold together.
    pub attempt: fn(&Path) -> Result<(), String>,
    /// Bytes of memory for each byte of input, at the most.
    pub factor: usize,
    /// Bytes of memory whatever the input, at the most.
    pub constant: usize,
    /// What it may write into the folder: files, and folders with all that is in them.
    pub writes: &'static [&'static str],
    /// Inputs of a plain `cargo test`: about a second's.
    pub inputs: u64,
}

/// Bytes of memory for each byte of a run file, at the most: a value of two bytes is a node of some hundred in the TOML parser's
/// tree, and another in the table made of it.
pub const OF_A_RUN_FILE: usize = 500;
/// Time that one input may take, on a machine that is busy with other things.
const LONGEST: Duration = Duration::from_secs(20);
/// Bytes that somebody reads of an error.
const LONGEST_ERROR: usize = 4000;
/// Inputs that are kept to be mutated further, and bytes of one at the most.
const KEPT: usize = 1000;
const KEPT_BYTES: usize = 1 << 16;
/// Bytes of an input at the most: what grows faster than its input shows with fewer.
const LARGEST: usize = 1 << 20;

/// A number from the environment.
fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Where the inputs of a target lie while they are parsed; TMPDIR moves it.
fn folder_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("pathkernel-hostile-{name}-{}", std::process::id()))
}

/// Replays the target's findings, then mutates: for PATHKERNEL_FUZZ_SECONDS from PATHKERNEL_FUZZ_SEED, or where there is no
/// such variable a fixed number of inputs from seed 1.
///
/// The parser has a thread of its own: an input that it never comes back from is a failure, and not a test without an end.
/// What it died of lies in the folder that the failure names, whatever it died of.
pub fn run(target: Target) {
    let name = target.name;
    let (beat, beats) = channel();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let worker = thread.spawn(move || work(&target, &|| beat.send(()).unwrap_or(()))).expect("a thread");
    loop {
        match beats.recv_timeout(LONGEST) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{name}: no end of the input in {}", folder_of(name).display()),
        }
    }
    if let Err(problem) = worker.join() {
        std::panic::resume_unwind(problem);
    }
}

fn work(target: &Target, beat: &dyn Fn()) {
    let sandbox = Sandbox::new(target.name);
    for input in findings(target.name) {
        beat();
        // Refused or read: what matters is that it holds to its bounds.
        let _ = check(target, &sandbox, &input, "a finding");
    }
    let mut pool = (target.seeds)();
    let seeds = pool.len();
    let mut known = BTreeSet::new();
    for input in &pool {
        let (outcome, _) = check(target, &sandbox, input, "a seed");
        known.insert(kind(outcome, &sandbox.inner));
    }
    let seconds = variable("PATHKERNEL_FUZZ_SECONDS");
    let seed = variable("PATHKERNEL_FUZZ_SEED").unwrap_or(1);
    println!("{}: seed {seed}", target.name);
    let (started, mut number, mut good, mut most) = (Instant::now(), 0, 0u64, 0);
    let more = |number: u64| match seconds {
        Some(seconds) => started.elapsed() < Duration::from_secs(seconds),
        None => number < target.inputs,
    };
    while more(number) {
        if number % 64 == 0 {
            beat();
        }
        let mut random = Random::new(seed, number);
        let bases = if random.once_in(2) { &pool } else { &pool[..seeds] };
        let mut input = random.pick(bases).clone();
        let rounds = if random.once_in(2) { 1 } else { 2 + random.below(3) };
        for _ in 0..rounds {
            (target.mutate)(&mut input, &mut random);
        }
        input.iter_mut().for_each(|(_, bytes)| bytes.truncate(LARGEST));
        let (outcome, taken) = check(target, &sandbox, &input, &format!("seed {seed}, input {number}"));
        most = most.max(taken);
        good += u64::from(outcome.is_ok());
        // An error of a new kind is a new place in the parser: from there one may come further.
        let bytes: usize = input.iter().map(|(_, bytes)| bytes.len()).sum();
        if known.insert(kind(outcome, &sandbox.inner)) && pool.len() < KEPT && bytes < KEPT_BYTES {
            pool.push(input);
        }
        number += 1;
    }
    let (name, kinds) = (target.name, known.len());
    println!(
        "{name}: seed {seed}, {number} inputs, {good} of them read, {kinds} kinds of outcome, at most {most} bytes of memory"
    );
    sandbox.remove();
}

/// An outcome without what differs from input to input.
fn kind(outcome: Result<(), String>, folder: &Path) -> String {
    let error = outcome.map_or_else(|error| error.replace(&*folder.to_string_lossy(), ""), |()| String::new());
    let quoted = error.split(['"', '\'', '`', '[', '(']).next().unwrap_or_default();
    quoted.chars().filter(|next| !next.is_ascii_digit()).take(80).collect()
}

/// Inputs that once were parsed wrongly: a folder each.
fn findings(name: &str) -> Vec<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/findings").join(name);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| read_input(&entry.expect("a finding").path())).collect()
}

/// The files of a folder and of those in it.
pub fn read_input(folder: &Path) -> Input {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_file() {
            return vec![(name, fs::read(&path).expect("a file"))];
        }
        read_input(&path).into_iter().map(|(inside, bytes)| (format!("{name}/{inside}"), bytes)).collect()
    };
    let mut input: Input = entries.flat_map(read).collect();
    input.sort();
    input
}

/// A folder in a folder: nothing may appear beside it.
struct Sandbox {
    outer: PathBuf,
    inner: PathBuf,
}

impl Sandbox {
    fn new(name: &str) -> Self {
        let outer = folder_of(name);
        let inner = outer.join("input");
        let _ = fs::remove_dir_all(&outer);
        fs::create_dir_all(&inner).expect("a folder");
        Self { outer, inner }
    }

    fn fill(&self, input: &Input) {
        for (name, bytes) in input {
            let path = self.inner.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("room for a folder");
            fs::write(path, bytes).expect("room for a file");
        }
    }

    /// Removes the input, and fails where there is anything else.
    fn empty(&self, input: &Input, writes: &[&str]) {
        for name in writes {
            let path = self.inner.join(name);
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        let is_own = |name: &Path| !writes.iter().any(|written| name.starts_with(written));
        for name in input.iter().map(|(name, _)| Path::new(name)).filter(|name| is_own(name)) {
            fs::remove_file(self.inner.join(name)).expect("an input is gone");
            // Its folders go with the last file in them.
            for folder in name.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
                let _ = fs::remove_dir(self.inner.join(folder));
            }
        }
        let names = |folder: &Path| -> Vec<_> {
            fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect()
        };
        assert_eq!(names(&self.inner), Vec::<PathBuf>::new(), "the parser left a file");
        assert_eq!(names(&self.outer), std::slice::from_ref(&self.inner), "the parser left its folder");
    }

    fn remove(self) {
        let _ = fs::remove_dir_all(self.outer);
    }
}

/// What came of an input: whether it was read, or a panic; the memory that it took, and the time.
struct Attempt {
    outcome: std::thread::Result<Result<(), String>>,
    taken: usize,
    seconds: f64,
}

fn attempt(target: &Target, sandbox: &Sandbox, input: &Input) -> Attempt {
    sandbox.fill(input);
    let started = Instant::now();
    let (outcome, taken) = peak(|| catch_unwind(AssertUnwindSafe(|| (target.attempt)(&sandbox.inner))));
    Attempt { outcome, taken, seconds: started.elapsed().as_secs_f64() }
}

/// Parses one input and holds the parser to its bounds: whether it was read, and the memory that it took.
fn check(target: &Target, sandbox: &Sandbox, input: &Input, which: &str) -> (Result<(), String>, usize) {
    let long = LONGEST.as_secs_f64() / 4.0;
    let mut found = attempt(target, sandbox, input);
    if found.outcome.is_ok() && found.seconds >= long {
        // The machine may have been busy with something else. What is slow is slow again.
        found = attempt(target, sandbox, input);
    }
    let Attempt { outcome, taken, seconds } = found;
    let bytes: usize = input.iter().map(|(_, bytes)| bytes.len()).sum();
    let which = format!("{} ({which}; in {})", target.name, sandbox.inner.display());
    let outcome = outcome.unwrap_or_else(|_| panic!("{which}: a panic"));
    let bound = target.factor * bytes + target.constant;
    assert!(taken <= bound, "{which}: {taken} bytes of memory for {bytes} of input");
    assert!(seconds < long, "{which}: {seconds} seconds");
    if let Err(error) = &outcome {
        assert!(error.len() < LONGEST_ERROR, "{which}: an error of {} bytes", error.len());
    }
    sandbox.empty(input, target.writes);
    (outcome, taken)
}
