//! Files that are missing, truncated or malformed, or that claim more than they hold.

use crate::bytes::*;
use crate::fixture::Fixture;

/// Each file in turn as the training inputs: the message must name it and say each of the words.
fn refuses_inputs(cases: &[(&str, Vec<u8>, &[&str])]) {
    for (name, bytes, words) in cases {
        let fixture = Fixture::new();
        fixture.write(name, bytes);
        let key = if name.ends_with(".npz") { ":x" } else { "" };
        let name = format!("{name}{key}");
        let file = name.trim_end_matches(":x");
        fixture.refuses(&[&format!("data.train.inputs={name}")], &[words, &[file] as &[&str]].concat());
    }
}

/// Everything but the last bytes.
fn cut(bytes: Vec<u8>, missing: usize) -> Vec<u8> {
    bytes[..bytes.len() - missing].to_vec()
}

fn good_npy() -> Vec<u8> {
    npy_f64(&[4, 3], &[0.5; 12])
}

#[test]
fn a_missing_file_is_named() {
    for key in ["data.train.inputs", "data.train.targets", "data.query.inputs", "training.batches"] {
        for file in ["gone.npy", "gone.csv", "gone.idx", "gone.idx.gz", "gone.npz:x"] {
            let file_alone = file.trim_end_matches(":x");
            Fixture::new().refuses(&[&format!("{key}={file}")], &[file_alone, "no such file"]);
        }
    }
    Fixture::new().refuses(&["model.weights=gone.safetensors"], &["gone.safetensors", "no such file"]);
    Fixture::new().refuses_command(&["run", "gone.toml"], &["gone.toml", "no such run file"]);
}

#[test]
fn a_folder_or_an_unknown_kind_of_file_is_no_data() {
    let fixture = Fixture::new();
    for name in ["folder.npy", "folder.csv", "folder.npz", "folder.idx", "folder.idx.gz", "folder.safetensors"] {
        fixture.write(&format!("{name}/file"), b"");
    }
    for name in ["folder.npy", "folder.csv", "folder.npz:x", "folder.idx", "folder.idx.gz"] {
        fixture.refuses(&[&format!("data.train.inputs={name}")], &[name.trim_end_matches(":x")]);
    }
    fixture.refuses(&["model.weights=folder.safetensors"], &["folder.safetensors"]);
    fixture.refuses(&["data.train.inputs=x.parquet"], &["x.parquet", "unknown kind of file", ".npy"]);
}

#[test]
fn a_truncated_file_is_refused() {
    refuses_inputs(&[
        ("empty.npy", vec![], &["not an .npy file"]),
        ("magic.npy", b"\x93NUMPY".to_vec(), &["not an .npy file"]),
        ("header.npy", good_npy()[..30].to_vec(), &["truncated in its header"]),
        ("data.npy", cut(good_npy(), 1), &["truncated", "[4, 3]"]),
        ("empty.npz", vec![], &["not a readable .npz archive"]),
        ("half.npz", cut(npz("x", &good_npy()), 40), &["not a readable .npz archive"]),
        ("inner.npz", npz("x", &cut(good_npy(), 8)), &["array x", "truncated", "[4, 3]"]),
        ("more.npy", [good_npy(), vec![0; 3]].concat(), &["goes on after", "[4, 3]"]),
        ("more.npz", npz("x", &[good_npy(), vec![0; 3]].concat()), &["array x", "goes on after", "[4, 3]"]),
        ("inner_header.npz", npz("x", &good_npy()[..30]), &["array x", "truncated in its header"]),
        ("empty.csv", vec![], &["no numbers"]),
        ("names.csv", b"a,b,c\n".to_vec(), &["no numbers"]),
        ("row.csv", b"1,2,3\n4,5".to_vec(), &["line 2", "2 cells", "3"]),
        ("empty.idx", vec![], &["truncated in its header"]),
        ("header.idx", idx(&[4, 3], &[])[..9].to_vec(), &["truncated in its header"]),
        ("data.idx", idx(&[4, 3], &[1; 11]), &["[4, 3]", "23 bytes"]),
        ("empty.idx.gz", vec![], &["gzip"]),
        ("half.idx.gz", cut(gzip(&idx(&[4, 3], &[1; 12])), 12), &["gzip"]),
        ("crc.idx.gz", cut(gzip(&idx(&[4, 3], &[1; 12])), 8), &["gzip"]),
        ("inner.idx.gz", gzip(&idx(&[4, 3], &[1; 11])), &["[4, 3]"]),
        ("inner_header.idx.gz", gzip(&idx(&[4, 3], &[])[..7]), &["truncated in its header"]),
    ]);
}

#[test]
fn a_malformed_file_is_refused() {
    let npy = |header: &str| npy_with_header(header, &[0; 96]);
    refuses_inputs(&[
        ("text.npy", b"these are no numbers at all".to_vec(), &["not an .npy file"]),
        ("version.npy", [b"\x93NUMPY\x09\x00\x10\x00" as &[u8], &[b' '; 64]].concat(), &["version 9"]),
        ("long.npy", [good_npy(), vec![0]].concat(), &["[4, 3]"]),
        ("no_shape.npy", npy("{'descr': '<f8', 'fortran_order': False}"), &["shape"]),
        ("no_order.npy", npy("{'descr': '<f8', 'shape': (4, 3)}"), &["fortran_order"]),
        ("no_descr.npy", npy("{'fortran_order': False, 'shape': (4, 3)}"), &["descr"]),
        ("order.npy", npy("{'descr': '<f8', 'fortran_order': 7, 'shape': (4, 3)}"), &["fortran_order"]),
        ("open.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4, 3"), &["shape"]),
        ("negative.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 3)}"), &["-4"]),
        ("complex.npy", npy("{'descr': '<c16', 'fortran_order': False, 'shape': (2, 3)}"), &["<c16", "not supported"]),
        ("object.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (4, 3)}"), &["|O", "not supported"]),
        ("record.npy", npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4, 3)}"), &["structured"]),
        ("binary.npy", npy_with_header("", &[0; 96]), &["descr"]),
        ("text.npz", b"PK\x03\x04 but no archive".to_vec(), &["not a readable .npz archive"]),
        ("inner.npz", npz("x", b"no array"), &["array x", "not an .npy file"]),
        ("other.npz", npz("weights", &good_npy()), &["no array", "it has weights"]),
        ("words.csv", b"1,2,3\n4,five,6\n".to_vec(), &["line 2", "column 2", "five"]),
        ("hole.csv", b"1,2,3\n4,,6\n".to_vec(), &["line 2", "column 2"]),
        ("latin.csv", b"1,2,3\n4,\xe9,6\n".to_vec(), &["CSV"]),
        ("text.idx", b"text, not idx".to_vec(), &["not an IDX file"]),
        ("type.idx", vec![0, 0, 0x07, 1, 0, 0, 0, 1, 1], &["0x07"]),
        ("long.idx", idx(&[4, 3], &[1; 13]), &["[4, 3]"]),
        ("plain.idx.gz", idx(&[4, 3], &[1; 12]), &["gzip"]),
        ("long.idx.gz", gzip(&idx(&[4, 3], &[1; 13])), &["[4, 3]"]),
    ]);
    let fixture = Fixture::new();
    fixture.write("several.npz", &npz("images", &good_npy()));
    fixture.refuses(&["data.train.inputs=several.npz"], &["several.npz", "file.npz:key", "images"]);
}

/// The claim alone must reserve no memory: 2^60 elements are more than any machine has.
#[test]
fn a_header_that_claims_too_much_is_refused() {
    let claim = |shape: &str| {
        npy_with_header(&format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"), &[0; 96])
    };
    let sides = "[1073741824, 1073741824]";
    refuses_inputs(&[
        ("long.npy", claim("(1152921504606846976,)"), &["[1152921504606846976]"]),
        ("file.npy", claim("(4611686018427387904, 1)"), &["more elements than can be counted"]),
        ("count.npy", claim("(1152921504606846976, 1152921504606846976)"), &["more elements"]),
        ("side.npy", claim("(99999999999999999999999, 3)"), &["99999999999999999999999"]),
        ("long.npz", npz("x", &claim("(1152921504606846976,)")), &["array x", "[1152921504606846976]"]),
        ("long.idx", idx(&[1 << 30, 1 << 30], &[0; 12]), &[sides]),
        ("count.idx", idx(&[1 << 30, 1 << 30, 1 << 30], &[0; 12]), &["more elements"]),
        ("long.idx.gz", gzip(&idx(&[1 << 30, 1 << 30], &[0; 12])), &[sides]),
        ("header.npy", [b"\x93NUMPY\x02\x00\xff\xff\xff\xff" as &[u8], &[b' '; 64]].concat(), &["header"]),
    ]);
}

#[test]
fn malformed_weights_are_refused() {
    let tensor = |dtype: &str, shape: &str, end: usize| {
        let header = format!(r#"{{"0.weight":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
        safetensors_with_header(&header, &[0; 60])
    };
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("empty", vec![], "not a readable safetensors file"),
        ("short", vec![8, 0, 0], "not a readable safetensors file"),
        ("text", b"these are no tensors".to_vec(), "not a readable safetensors file"),
        ("json", safetensors_with_header("{\"0.weight\":", &[]), "not a readable safetensors file"),
        ("header", (1u64 << 60).to_le_bytes().to_vec(), "not a readable safetensors file"),
        ("truncated", cut(tensor("F32", "[5,3]", 60), 1), "not a readable safetensors file"),
        ("claim", tensor("F32", "[1152921504606846976]", 60), "not a readable safetensors file"),
        ("overflow", tensor("F32", "[4294967296,4294967296]", 60), "not a readable safetensors file"),
    ];
    let fixture = Fixture::new();
    for (name, bytes, words) in cases {
        let name = format!("{name}.safetensors");
        fixture.write(&name, &bytes);
        fixture.refuses(&[&format!("model.weights={name}")], &[&name, words]);
    }
}
