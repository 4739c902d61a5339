//! Files that are missing, cut short, malformed, or that claim more than they hold.

use crate::files::*;
use crate::refused;

#[test]
fn the_good_run_is_good() {
    let case = Case::good();
    let output = case.run(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(case.path("out/summary.json").is_file() && case.path("out/report.html").is_file());
}

#[test]
fn missing_files() {
    refused(&Case::good(), &["data.train.inputs=nothing.npy"], &["nothing.npy", "no such file"]);
    refused(&Case::good(), &["data.query.targets=nothing.csv"], &["nothing.csv", "no such file"]);
    refused(&Case::good(), &["model.weights=nothing.safetensors"], &["nothing.safetensors", "no such file"]);
    refused(&Case::good(), &["training.batches=nothing.npy"], &["nothing.npy"]);
    refused(&Case::good(), &["data.train.inputs=x.parquet"], &["x.parquet", ".npy"]);
    let case = Case::good();
    std::fs::remove_file(case.path("run.toml")).unwrap();
    refused(&case, &[], &["run.toml", "no such run file"]);
}

/// Every file of a format, cut everywhere and with every early byte spoiled: never a panic, never anything written.
#[test]
fn truncated_files_of_every_format() {
    let x: Vec<f64> = (0..24).map(f64::from).collect();
    let whole: [(&str, &str, Vec<u8>); 5] = [
        ("data.train.inputs", "t.npy", npy(&[6, 4], &x)),
        ("data.train.inputs", "t.npz:x", npz("x.npy", &npy(&[6, 4], &x))),
        ("data.train.inputs", "t.idx", idx(&[6, 4], &[7; 24])),
        ("data.train.inputs", "t.idx.gz", gzip(&idx(&[6, 4], &[7; 24]))),
        ("model.weights", "t.safetensors", safetensors(&good_weights())),
    ];
    let case = Case::good();
    for (key, name, bytes) in whole {
        let file = name.split(':').next().unwrap();
        for cut in [0, 1, 5, 9, 40, bytes.len() / 2, bytes.len() - 1] {
            case.write(file, &bytes[..cut.min(bytes.len() - 1)]);
            refused(&case, &[&format!("{key}={name}")], &[file]);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("compresses");
    encoder.finish().expect("compresses")
}

#[test]
fn malformed_files() {
    let huge = npy(&[1 << 30, 1 << 30], &[0.0; 4]);
    let object = {
        let text = "{'descr': '|O', 'fortran_order': False, 'shape': (6, 4), }\n";
        [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    };
    let cases: [(&str, Vec<u8>, &str); 10] = [
        ("a.npy", b"hello, this is no array".to_vec(), "NUMPY"),
        ("b.npy", huge.clone(), "truncated"),
        ("c.npy", object, "|O"),
        ("d.npz:x", b"not a zip file at all".to_vec(), "d.npz"),
        ("e.npz:nothing", npz("x.npy", &npy(&[6, 4], &[0.0; 24])), "nothing"),
        ("f.npz:x", npz("x.npy", &huge), "f.npz"),
        ("g.csv", b"1,2,3,4\n1,2,x,4\n".to_vec(), "g.csv"),
        ("h.csv", b"1,2,3,4\n1,2,3\n".to_vec(), "h.csv"),
        ("i.idx", idx(&[u32::MAX, u32::MAX], &[]), "i.idx"),
        ("j.idx.gz", b"\x1f\x8b\x08garbage".to_vec(), "j.idx.gz"),
    ];
    let case = Case::good();
    for (name, bytes, word) in cases {
        case.write(name.split(':').next().unwrap(), bytes);
        refused(&case, &[&format!("data.train.inputs={name}")], &[word]);
    }
    // A header of 2^60 bytes, and one that is no JSON.
    for bytes in [(1u64 << 60).to_le_bytes().to_vec(), [&4u64.to_le_bytes()[..], b"{{{{"].concat()] {
        case.write("w.safetensors", bytes);
        refused(&case, &["model.weights=w.safetensors"], &["w.safetensors"]);
    }
}

#[test]
fn numbers_that_are_none() {
    let case = Case::good();
    for bad in [f64::NAN, f64::INFINITY] {
        let mut x = vec![0.5; 24];
        x[9] = bad;
        case.write("nan.npy", npy(&[6, 4], &x));
        refused(&case, &["data.train.inputs=nan.npy"], &["nan.npy", "NaN or infinity", "9"]);
        let mut weights = good_weights();
        weights[2].2[5] = bad;
        case.write("w.safetensors", safetensors(&weights));
        refused(&case, &["model.weights=w.safetensors"], &["w.safetensors", "3.weight"]);
    }
}
