use super::*;

fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}

/// What a parser makes of a whole file.
fn parsed<'a>(parse: impl Fn(&'a [u8], u64) -> Result<Array, String>, bytes: &'a [u8]) -> Result<Array, String> {
    parse(bytes, bytes.len() as u64)
}

#[test]
fn npy_of_every_type_and_order() {
    let cases: [(&str, Vec<u8>, Values); 7] = [
        ("|b1", vec![0, 1], Values::Integer(vec![0, 1])),
        ("|i1", vec![255, 1], Values::Integer(vec![-1, 1])),
        (">i2", vec![255, 254, 0, 3], Values::Integer(vec![-2, 3])),
        ("<u4", vec![1, 0, 0, 0, 0, 1, 0, 0], Values::Integer(vec![1, 256])),
        ("<f2", vec![0, 0x3c, 0, 0xc0], Values::Real32(vec![1.0, -2.0])),
        ("<f4", [1.5f32, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect(), Values::Real32(vec![1.5, -2.0])),
        (">f8", [0.1f64, 2.0].iter().flat_map(|v| v.to_be_bytes()).collect(), Values::Real64(vec![0.1, 2.0])),
    ];
    for (descr, data, values) in cases {
        let array = parsed(npy::parse, &npy(descr, "False", "(2,)", &data)).unwrap();
        assert_eq!(array, Array { shape: vec![2], values }, "{descr}");
    }
    let columns = parsed(npy::parse, &npy("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6])).unwrap();
    assert_eq!(columns, Array { shape: vec![2, 3], values: Values::Integer(vec![1, 2, 3, 4, 5, 6]) });
}

#[test]
fn malformed_files_are_refused_with_a_reason() {
    let huge = npy("<f8", "False", "(1152921504606846976, 16)", &[]);
    let cases: [(Result<Array, String>, &str); 8] = [
        (parsed(npy::parse, b"hello"), "does not begin"),
        (parsed(npy::parse, &npy("<f8", "False", "(3,)", &[0; 8])), "truncated"),
        (parsed(npy::parse, &huge), "larger than any"),
        (parsed(npy::parse, &npy("<c8", "False", "(1,)", &[0; 8])), "not supported"),
        (table(b"1,2\n3\n"), "line 2"),
        (table(b"1,2\n3,x\n"), "column 2"),
        (parsed(idx::parse, &[0, 0, 8, 1, 0, 0, 0, 9, 1]), "needs 17"),
        (parsed(idx::parse, &[1, 0, 8, 1]), "two zero bytes"),
    ];
    for (result, part) in cases {
        let error = result.unwrap_err();
        assert!(error.contains(part) || error.contains("more elements"), "{error:?} lacks {part:?}");
    }
}

/// What becomes of a file of text of which nothing is said.
fn table(bytes: &[u8]) -> Result<Array, String> {
    table_with(bytes, &TextLayout::default())
}

fn table_with(bytes: &[u8], layout: &TextLayout) -> Result<Array, String> {
    csv::parse(bytes, bytes.len() as u64, layout)
}

/// Of an array of reals.
fn reals(shape: &[usize], values: &[f64]) -> Result<Array, String> {
    Ok(Array { shape: shape.to_vec(), values: Values::Real64(values.to_vec()) })
}

#[test]
fn csv_with_and_without_names() {
    let named = table(b"a,b\n1,2\n3,4\n\n\n").unwrap();
    assert_eq!(named, Array { shape: vec![2, 2], values: Values::Integer(vec![1, 2, 3, 4]) });
    for text in [&b"0.5\n1\n"[..], b"\xef\xbb\xbf0.5\r\n1\r\n", b"\"a \"\"b\nc\"\n\"0.5\"\n 1", b"# 0\n0.5\n1"] {
        assert_eq!(table(text), reals(&[2], &[0.5, 1.0]), "{}", String::from_utf8_lossy(text));
    }
}

/// Numbers of columns, a kind of its own, the number of rows: each may be names, and each may be a row. What is said, or
/// how many rows there must be, decides.
#[test]
fn a_first_line_that_may_be_names_is_refused() {
    let doubtful: [&[u8]; 8] = [
        b"0,1,2\n0.5,1.5,2.5\n1.0,2.0,3.0\n",
        b"1,2,3\n0.5,1.5,2.5\n1.0,2.0,3.0\n",
        b"0,1\n0,1\n1,0\n",
        b"0\n2\n1\n",
        b"2019,2020\n0.5,1.5\n2.5,0.25\n",
        b"7\n0.5\n0.25\n",
        b"2,3\n5,1\n4,4\n",
        b"2\n5\n1\n",
    ];
    for (number, text) in doubtful.into_iter().enumerate() {
        let layout = TextLayout { at: Some(["data.train", "inputs"]), ..TextLayout::default() };
        // Two rows and two columns: the seventh has three.
        if number == 6 {
            assert_eq!(table(text).unwrap().shape, [3, 2]);
            continue;
        }
        let error = table_with(text, &layout).unwrap_err();
        for part in
            ["line 1 (", "may be names of columns or a row", "set data.train.header = true if it is names, false"]
        {
            assert!(error.contains(part), "{error:?} lacks {part:?}");
        }
        assert!(table(text).unwrap_err().contains("save the array as .npy"));
        let rows = |header| table_with(text, &TextLayout { header: Some(header), ..layout.clone() }).unwrap().shape[0];
        assert_eq!([rows(true), rows(false)], [2, 3]);
        let known = |rows| table_with(text, &TextLayout { rows: Some(rows), ..layout.clone() });
        assert_eq!(known(3).unwrap().shape[0], 3);
        let error = known(2).unwrap_err();
        assert!(
            error.contains("has 3 lines of numbers for 2 rows") && error.contains("header = { inputs = true, … }"),
            "{error}"
        );
    }
    let layout =
        TextLayout { header: Some(true), rows: Some(3), at: Some(["data.query", "targets"]), ..Default::default() };
    let error = table_with(b"1\n0\n2\n", &layout).unwrap_err();
    assert!(
        error.contains("has 2 lines of numbers for 3 rows")
            && error.contains("data.query.header = { targets = false, … }"),
        "{error}"
    );
}

/// Ordinary numbers are not in doubt.
#[test]
fn a_first_line_of_numbers_is_a_row() {
    let rows: [&[u8]; 10] = [
        b"0,0,0,0\n1,2,3,4\n0,0,7,9\n",
        b"0.0,1.0,2.0\n0.5,1.5,2.5\n1.0,2.0,3.0\n",
        b"0\n0.5\n1\n",
        b"5,3\n0.5,1.5\n2,7\n",
        b"1\n0\n2\n",
        b"1,0\n0,1\n1,0\n",
        b"-1,0\n0,1\n1,2\n",
        b"1,3,2\n0,1,2\n1,2,3\n",
        b"5.1,3.5\n4.9,3.0\n4,3\n",
        b"3,7\n1,2\n0,4\n",
    ];
    for text in rows {
        assert_eq!(table(text).unwrap().shape[0], 3, "{}", String::from_utf8_lossy(text));
    }
    assert_eq!(table(b"0,1,2\n").unwrap().shape, [1, 3]);
}

#[test]
fn lines_without_numbers_and_other_marks_are_named() {
    let cases: [(&[u8], &str); 11] = [
        (b"1,2\n,\n3,4\n", "line 2 is empty"),
        (b"1\n\n3\n\n\n4\n\n", "lines 2, 4, 5 are empty"),
        (b"\na,b\n1,2\n", "line 1 is empty"),
        (b"1,5;2,5\n3,5;4,5\n", "decimal commas, and ';' between them: set data.train.separator = \";\""),
        (b"a;b\n1;2\n", "';' between them: set data.train.separator = \";\""),
        (b"a\tb\n1.5\t2\n", "set data.train.separator = \"\\t\""),
        (b"1 2\n3 4\n", "set data.train.separator = \" \""),
        (b"1;2\n", "set data.train.separator"),
        (b"1.5,b,2\n3,4,5\n", "\"b\" is not a number; set data.train.header = true"),
        (b",a,b\n0,1.5,2\n", "index=False"),
        (b"150,4\n1.5,2,3,4\n", "line 2 has 4 cells, and line 1 has 2; set data.train.header = true"),
    ];
    let layout = TextLayout { at: Some(["data.train", "inputs"]), ..TextLayout::default() };
    for (text, part) in cases {
        let error = table_with(text, &layout).unwrap_err();
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

#[test]
fn a_separator_that_is_said_is_taken() {
    let with =
        |separator, text: &[u8]| table_with(text, &TextLayout { separator: Some(separator), ..TextLayout::default() });
    assert_eq!(with(';', b"a;b\n1,5;2\n-0,25;1e3\n"), reals(&[2, 2], &[1.5, 2.0, -0.25, 1000.0]));
    assert_eq!(with('\t', b"1.5\t2\n3\t4\n"), reals(&[2, 2], &[1.5, 2.0, 3.0, 4.0]));
    assert_eq!(with(' ', b"  1.5   2\n3 4\n"), reals(&[2, 2], &[1.5, 2.0, 3.0, 4.0]));
    assert!(with(';', b"1,5;2\n1.5;2\n").unwrap_err().contains("another decimal mark than line 1"));
    assert!(with(';', b"1,234,567;2\n3;4\n").unwrap_err().contains("\"1,234,567\" is not a number"));
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    for shape in [vec![], vec![6], vec![2, 3]] {
        let values: Vec<f64> = (0..shape.iter().product()).map(|v| v as f64 / 3.0).collect();
        write_npy(&path, &shape, &values).unwrap();
        let array = read(path.to_str().unwrap()).unwrap();
        assert_eq!(array, Array { shape, values: Values::Real64(values) });
    }
    let tensors = folder.path().join("w.safetensors");
    write_safetensors(&tensors, &[("0.weight".into(), vec![2], &[1.0f32, 2.0][..])]).unwrap();
    assert_eq!(read_safetensors(&tensors).unwrap()["0.weight"].to_f64(), [1.0, 2.0]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary was left");
}

#[test]
fn flipped_and_cut_bytes_never_panic() {
    let valid = npy("<f4", "False", "(2, 3)", &[7; 24]);
    let gz = [0u8, 0, 8, 1, 0, 0, 0, 2, 5, 6];
    let mut random = crate::random::Random::new(1, "mutation");
    let mut refused = 0;
    for _ in 0..5000 {
        let mut bytes = valid.clone();
        let place = (random.unit() * bytes.len() as f64) as usize;
        bytes[place] = (random.unit() * 256.0) as u8;
        bytes.truncate((random.unit() * 2.0 * bytes.len() as f64) as usize);
        refused += usize::from(parsed(npy::parse, &bytes).is_err());
        let mut bytes = gz;
        bytes[(random.unit() * 10.0) as usize] = (random.unit() * 256.0) as u8;
        refused += usize::from(parsed(idx::parse, &bytes).is_err());
        refused += usize::from(parsed(idx::parse_gz, &bytes).is_err());
        refused += usize::from(table(&bytes).is_err());
    }
    assert!(refused > 5000);
}

#[test]
fn mutated_files_of_tensors_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pt/stacked.npz");
    let plain = folder.path().join("a.safetensors");
    let values: Vec<f32> = (0..8).map(|value| value as f32).collect();
    let tensors = [("0.weight".into(), vec![4, 2], &values[..]), ("0.bias".into(), vec![4], &values[..4])];
    write_safetensors(&plain, &tensors).unwrap();
    let mut random = crate::random::Random::new(3, "tensors");
    let mut refused = 0;
    for path in [stack, plain] {
        let whole = std::fs::read(&path).unwrap();
        let copy = folder.path().join("x").with_extension(path.extension().unwrap());
        let mut attempt = |bytes: &[u8]| {
            std::fs::write(&copy, bytes).unwrap();
            let read = TensorFile::open(&copy).and_then(|file| Ok((file.read()?, file.read_row(3)?)));
            refused += usize::from(read.is_err());
            read.is_ok()
        };
        assert!(attempt(&whole));
        for len in 0..whole.len() {
            assert!(!attempt(&whole[..len]), "{} cut to {len} bytes was read", path.display());
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 + (random.unit() * 255.0) as u8;
            attempt(&bytes);
        }
    }
    assert!(refused > 1000);
}
