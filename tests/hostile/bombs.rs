//! Files that claim, or unpack to, far more than they are: made here, because they are too large or too odd to be kept.

use crate::allocator::peak;
use flate2::Compression;
use flate2::write::GzEncoder;
use pathkernel::formats::{Array, TensorFile, read};
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const MIB: usize = 1 << 20;

fn header(version: u8, descr: &str, order: &str, shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let len = text.len().to_le_bytes();
    [b"\x93NUMPY", &[version, 0][..], &len[..if version == 1 { 2 } else { 4 }], text.as_bytes()].concat()
}

/// An archive with one member.
fn archive(method: CompressionMethod, name: &str, member: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("a member");
    writer.write_all(member).expect("room");
    writer.finish().expect("an archive").into_inner()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("room");
    encoder.finish().expect("a file")
}

/// What reading a file gives, and the most memory that it took.
fn reading(folder: &TempDir, name: &str, bytes: &[u8], key: &str) -> (Result<Array, String>, usize) {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("room");
    let spelled = format!("{}{key}", path.display());
    let (read, taken) = peak(|| read(&spelled).map_err(|error| error.to_string()));
    (read, taken)
}

#[track_caller]
fn refused(found: (Result<Array, String>, usize), words: &str) {
    let (read, taken) = found;
    let error = read.expect_err("it was read");
    assert!(error.contains(words), "{error:?} lacks {words:?}");
    assert!(taken < MIB, "{taken} bytes of memory");
}

#[test]
fn archives_unpack_no_more_than_they_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let deflated = |member: &[u8]| archive(CompressionMethod::Deflated, "x.npy", member);
    let small = header(1, "<f8", "False", "(1,)");
    let mut bomb = small.clone();
    bomb.resize(64 * MIB, 0);
    refused(reading(&folder, "a.npz", &deflated(&bomb), ":x"), "it goes on after the");
    // The directory says what the header says, and the data cannot be that much.
    let claim = header(1, "|u1", "False", "(1073741824,)");
    let mut lie = deflated(&claim);
    let size = (claim.len() as u32).to_le_bytes();
    let places: Vec<usize> = (0..lie.len()).filter(|&at| lie[at..].starts_with(&size) && at > 20).collect();
    for place in places {
        lie[place..place + 4].copy_from_slice(&(claim.len() as u32 + (1 << 30)).to_le_bytes());
    }
    refused(reading(&folder, "b.npz", &lie, ":x"), "hold at most");
    // A header of half of a gigabyte.
    let mut long = b"\x93NUMPY\x02\x00\x00\x00\x00\x20".to_vec();
    long.resize(64 * MIB, b' ');
    refused(reading(&folder, "c.npz", &deflated(&long), ":x"), "its header says that it has");
    // What is large and compresses well is read.
    let mut zeros = header(1, "<f8", "False", "(4194304,)");
    zeros.resize(zeros.len() + 32 * MIB, 0);
    let (read, taken) = reading(&folder, "d.npz", &deflated(&zeros), ":x");
    assert_eq!(read.expect("an array").shape, [4 * MIB]);
    assert!(taken < 33 * MIB, "{taken} bytes of memory");
}

#[test]
fn gzip_unpacks_no_more_than_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bomb = vec![0, 0, 8, 1, 0, 0, 0, 1];
    bomb.resize(64 * MIB, 0);
    refused(reading(&folder, "a.idx.gz", &gzip(&bomb), ""), "it goes on after its 1 elements");
    let claim = [0, 0, 8, 1, 0x40, 0, 0, 0, 7];
    refused(reading(&folder, "b.idx.gz", &gzip(&claim), ""), "claims 1073741832 bytes");
    let short = [&[0, 0, 8, 1, 0, 0, 1, 0][..], &[7; 200]].concat();
    refused(reading(&folder, "c.idx.gz", &gzip(&short), ""), "it may be truncated");
}

/// Files of a terabyte without a block on the disk.
#[test]
fn what_is_larger_than_memory_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let tib = 1u64 << 40;
    let json = format!(r#"{{"w":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{tib}]}}}}"#, tib / 4);
    let safetensors = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let idx = [&[0, 0, 8, 2][..], &(1u32 << 20).to_be_bytes(), &(1u32 << 20).to_be_bytes()].concat();
    let files = [
        ("x.npy", header(1, "<f8", "False", "(137438953472,)")),
        ("columns.npy", header(1, "<f8", "True", "(137438953472,)")),
        ("x.idx", idx),
        ("x.csv", Vec::new()),
        ("w.safetensors", safetensors),
    ];
    for (name, begin) in files {
        let path = folder.path().join(name);
        let mut file = File::create(&path).expect("a file");
        file.write_all(&begin).and_then(|()| file.set_len(begin.len() as u64 + tib)).expect("a file with a hole");
        let attempt = || match name.ends_with("safetensors") {
            true => TensorFile::open(&path).and_then(|file| file.read()).map(drop),
            false => read(&path.display().to_string()).map(drop),
        };
        let (read, taken) = peak(attempt);
        let error = read.expect_err(name).to_string();
        assert!(error.contains("GiB of memory, and") && error.contains(name), "{error}");
        assert!(taken < MIB, "{name}: {taken} bytes of memory");
    }
}

#[test]
fn good_files_take_little_more_than_their_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let npy = |descr: &str, order: &str, shape: &str, bytes: usize| {
        let mut whole = header(1, descr, order, shape);
        whole.resize(whole.len() + bytes, 1);
        whole
    };
    let csv = "0.25,17\n".repeat(MIB);
    let integers = "7,9\n".repeat(MIB);
    let mut idx = vec![0, 0, 8, 2, 0, 0, 4, 0, 0, 0, 4, 0];
    idx.resize(12 + MIB, 3);
    // Name, bytes, and how many of memory for each at the most.
    let files = [
        ("doubles.npy", npy("<f8", "False", "(1024, 1024)", 8 * MIB), 1.1),
        ("singles.npy", npy("<f4", "False", "(1024, 1024)", 4 * MIB), 1.1),
        ("columns.npy", npy("<f8", "True", "(1024, 1024)", 8 * MIB), 2.1),
        // Integers have 64 bits in memory.
        ("bytes.npy", npy("|u1", "False", "(1024, 1024)", MIB), 8.5),
        ("bytes.idx", idx, 8.5),
        ("reals.csv", csv.into_bytes(), 4.1),
        ("integers.csv", integers.into_bytes(), 8.2),
    ];
    for (name, bytes, most) in files {
        let (read, taken) = reading(&folder, name, &bytes, "");
        read.expect(name);
        let factor = taken as f64 / bytes.len() as f64;
        assert!(factor < most, "{name}: {factor} times the file");
    }
}

/// The densest pickles: each byte makes an object, a mark, or an entry of a table.
#[test]
fn pickles_take_a_bounded_amount() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in [&b"}"[..], b"N", b"(", b"\x94", b"N\x85", b")(t"] {
        for bytes in [3 * MIB, 5 * MIB] {
            let pickle = [&b"\x80\x02}"[..], &part.repeat(bytes / part.len()), b"."].concat();
            let path = folder.path().join("x.pt");
            fs::write(&path, archive(CompressionMethod::Stored, "x/data.pkl", &pickle)).expect("room");
            // Some of them are an empty state_dict.
            let (_, taken) = peak(|| TensorFile::open(&path).map(drop));
            let most = if bytes > 4 * MIB { MIB } else { 80 * bytes };
            assert!(taken < most, "{part:?}: {} KiB of memory for {} MiB", taken / 1024, bytes / MIB);
        }
    }
}

/// A pipe has no end, and opening it waits for who writes.
#[cfg(unix)]
#[test]
fn pipes_and_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["x.npy", "x.csv", "x.idx.gz", "x.npz", "x.pt", "x.safetensors"] {
        let path = folder.path().join(name);
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        refuses(&path, "is a pipe or a device");
        fs::remove_file(&path).expect("the pipe");
        fs::create_dir(&path).expect("a folder");
        refuses(&path, "is a folder");
    }
}

fn refuses(path: &Path, words: &str) {
    let name = path.display().to_string();
    let tensors = TensorFile::open(path).map(drop).map_err(|error| error.to_string());
    let array = read(&name.replace(".npz", ".npz:x")).map(drop).map_err(|error| error.to_string());
    let found = if array.as_ref().is_err_and(|error| error.contains("unknown kind")) { tensors } else { array };
    let error = found.expect_err("it was read");
    assert!(error.contains(words), "{error}");
}
