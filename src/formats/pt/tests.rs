use super::pickle::Object;
use super::*;
use crate::formats::Values;
use crate::random::Random;
use std::io::Write;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn path(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pt").join(name)
}

/// What the script beside the files calls `numbers`.
fn numbers(shape: &[usize]) -> Array {
    let values = (0..shape.iter().product()).map(|at| at as f32 / 2.0).collect();
    Array { shape: shape.to_vec(), values: Values::Real32(values) }
}

/// Elements of a larger array: the shape, and which.
fn picked(shape: &[usize], elements: &[usize]) -> Array {
    let values = elements.iter().map(|&at| at as f32 / 2.0).collect();
    Array { shape: shape.to_vec(), values: Values::Real32(values) }
}

fn refused(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pt");
    std::fs::write(&path, bytes).unwrap();
    read_pt(&path).unwrap_err().problem
}

/// An archive as torch.save makes it, of a pickle and one storage "0" of so many bytes.
fn archive(pickle: &[u8], storage: usize) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("x/data.pkl", pickle), ("x/data/0", &vec![0; storage])] {
        writer.start_file(name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An integer of 64 bits.
fn integer(value: i64) -> Vec<u8> {
    [&[0x8a, 8][..], &value.to_le_bytes()].concat()
}

/// A pickle of `{"w": tensor}`, a float tensor of a storage with so many elements.
fn pickle(elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let tuple = |values: &[i64]| {
        let items: Vec<u8> = values.iter().flat_map(|&value| integer(value)).collect();
        [&b"("[..], &items, b"t"].concat()
    };
    [
        &b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(("[..],
        b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu",
        &integer(elements),
        b"tQ",
        &integer(offset),
        &tuple(shape),
        &tuple(strides),
        b"\x89ccollections\nOrderedDict\n)RtRs.",
    ]
    .concat()
}

#[test]
fn state_dicts_of_every_protocol_and_wrapping() {
    let mut bias = numbers(&[2]);
    bias.values = Values::Real32(vec![-0.0, -0.5]);
    let files = [
        "linear.pt",
        "protocol_4.pt",
        "protocol_5.pth",
        "parameters.pt",
        "checkpoint_state_dict.pt",
        "checkpoint_model.pt",
        "checkpoint_model_state_dict.pt",
        "only.pth.tar",
        "legacy.pt",
    ];
    for name in files {
        let tensors = read_pt(&path(name)).unwrap();
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["0.bias", "0.weight"], "{name}");
        assert_eq!((&tensors["0.weight"], &tensors["0.bias"]), (&numbers(&[2, 3]), &bias), "{name}");
    }
    let parallel = read_pt(&path("parallel.pt")).unwrap();
    assert_eq!(parallel["module.0.weight"], numbers(&[2, 3]));
}

#[test]
fn every_type_is_read() {
    let tensors = read_pt(&path("types.pt")).unwrap();
    for name in ["float", "half", "bfloat16"] {
        assert_eq!(tensors[name], numbers(&[2, 2]), "{name}");
    }
    let doubles = [0.0, 0.5, 1.0, 1.5].map(|value| value + 2f64.powi(-40));
    assert_eq!(tensors["double"], Array { shape: vec![2, 2], values: Values::Real64(doubles.to_vec()) });
}

#[test]
fn integers_are_read() {
    let tensors = read_pt(&path("integers.bin")).unwrap();
    let cases = [
        ("long", [-(1 << 40), 1]),
        ("int", [-2, 3]),
        ("short", [-2, 3]),
        ("char", [-2, 3]),
        ("byte", [2, 255]),
        ("bool", [1, 0]),
    ];
    for (name, values) in cases {
        assert_eq!(tensors[name].values, Values::Integer(values.to_vec()), "{name}");
    }
}

/// What a trainer keeps beside the tensors is not looked into, and buffers of other types are no weights.
#[test]
fn checkpoints_of_trainers() {
    let file = TensorFile::open(&path("trainer.ckpt")).unwrap();
    let names: Vec<&str> = file.names().collect();
    assert_eq!(names, ["model.0.bias", "model.0.weight", "model.1.num_batches_tracked", "model.mask"]);
    let tensors = file.keeping("model.", |name| name.starts_with('0')).unwrap().read().unwrap();
    assert_eq!(tensors.keys().collect::<Vec<_>>(), ["0.bias", "0.weight"]);
    assert_eq!(tensors["0.weight"], numbers(&[2, 3]));
}

/// What cannot be read matters only where it is wanted.
#[test]
fn types_that_are_not_known_may_stand_beside_others() {
    let open = || TensorFile::open(&path("complex.pt")).unwrap();
    let tensors = open().keeping("", |name| name != "other").unwrap().read().unwrap();
    assert_eq!(tensors["0.weight"], numbers(&[2, 3]));
    assert!(open().keeping("", |name| name == "other").is_err());
    let error = open().read().unwrap_err();
    assert!(error.problem.contains("tensor other: is of torch.ComplexFloatStorage; save it as double"), "{error}");
}

#[test]
fn views_of_one_storage() {
    let legacy = read_pt(&path("legacy_views.pt")).unwrap();
    let tensors = read_pt(&path("views.pt")).unwrap();
    assert_eq!((&legacy["whole"], &legacy["transposed"]), (&tensors["whole"], &tensors["transposed"]));
    assert_eq!(tensors["whole"], numbers(&[4, 6]));
    let transposed: Vec<usize> = (0..6).flat_map(|column| (0..4).map(move |row| 6 * row + column)).collect();
    assert_eq!(tensors["transposed"], picked(&[6, 4], &transposed));
    assert_eq!(tensors["part"], picked(&[2, 3], &[8, 9, 10, 14, 15, 16]));
    assert_eq!(tensors["steps"], picked(&[2, 2], &[1, 4, 13, 16]));
    let permuted: Vec<usize> =
        (0..4).flat_map(|k| (0..2).flat_map(move |i| (0..3).map(move |j| 12 * i + 4 * j + k))).collect();
    assert_eq!(tensors["permuted"], picked(&[4, 2, 3], &permuted));
    assert_eq!(tensors["scalar"], picked(&[], &[15]));
    assert_eq!(tensors["empty"], picked(&[0, 6], &[]));
}

#[test]
fn what_is_refused_says_why() {
    let cases = [
        (
            "module.pt",
            "holds an object of torch.nn.modules.container.Sequential, not a state_dict; save the state_dict alone",
        ),
        ("several.pt", "holds several dictionaries of tensors (first, second); save the state_dict alone"),
        ("make.py", "unknown kind of file"),
        ("expanded.pt", "tensor 0.weight: its shape [1000, 1000] has more elements than the 1"),
        ("list.pt", "holds a list, not a state_dict"),
        ("number.pt", "tensor epoch: is an int, not a tensor"),
        ("big_endian.pt", "its byte order is \"big\""),
        ("compressed.pt", "is compressed"),
        ("nowhere.pt", "no such file"),
    ];
    for (name, part) in cases {
        let error = read_pt(&path(name)).unwrap_err();
        assert!(error.problem.contains(part), "{name}: {error} lacks {part:?}");
    }
}

#[test]
fn views_beyond_their_storage_are_refused() {
    let good = archive(&pickle(6, 0, &[2, 3], &[3, 1]), 24);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pt");
    std::fs::write(&file, good).unwrap();
    assert_eq!(read_pt(&file).unwrap()["w"], Array { shape: vec![2, 3], values: Values::Real32(vec![0.0; 6]) });

    let huge = 1 << 60;
    type Case<'a> = (i64, i64, &'a [i64], &'a [i64], &'a str);
    let cases: [Case<'_>; 10] = [
        (6, 1, &[2, 3], &[3, 1], "lie beyond"),
        (6, 0, &[2, 3], &[4, 1], "lie beyond"),
        (6, huge, &[2, 3], &[3, 1], "lie beyond"),
        (6, 0, &[2, 3], &[huge, huge], "lie beyond"),
        (6, 0, &[huge], &[0], "more elements than can be counted"),
        (6, 0, &[huge, huge], &[0, 0], "more elements than can be counted"),
        (huge, 0, &[huge], &[1], "has 6 elements"),
        (6, -1, &[2, 3], &[3, 1], "it has -1 for"),
        (6, 0, &[2, 3], &[-3, 1], "it has -3 for"),
        (6, 0, &[2, 3], &[1], "2 axes but 1 strides"),
    ];
    for (elements, offset, shape, strides, part) in cases {
        let error = refused(&archive(&pickle(elements, offset, shape, strides), 24));
        assert!(error.contains(part), "{error} lacks {part:?}");
    }
    let error = refused(&archive(&pickle(6, 0, &[1; 65], &[1; 65]), 24));
    assert!(error.contains("65 axes"), "{error}");
}

#[test]
fn shared_elements_are_bounded() {
    // One tensor of a thousand numbers, under a thousand names.
    let one = pickle(1000, 0, &[1000], &[1]);
    let mut many = one[..one.len() - 1].to_vec();
    let value = &one[b"\x80\x02}X\x01\x00\x00\x00w".len()..one.len() - 2];
    let keep = [b"X\x01\x00\x00\x00v", value, b"q\x01s"].concat();
    many.extend(keep);
    for name in 0..1000 {
        many.extend(format!("X\x04\x00\x00\x00{name:04}h\x01s").bytes());
    }
    many.push(b'.');
    let error = refused(&archive(&many, 4000));
    assert!(error.contains("more than 16 times over"), "{error}");
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // The second entry of the directory is said to lie where the first does.
    let mut bytes = archive(&pickle(6, 0, &[2, 3], &[3, 1]), 24);
    let directory: Vec<usize> = (0..bytes.len() - 4).filter(|&at| bytes[at..].starts_with(b"PK\x01\x02")).collect();
    let first = bytes[directory[0] + 42..directory[0] + 46].to_vec();
    bytes[directory[1] + 42..directory[1] + 46].copy_from_slice(&first);
    let error = refused(&bytes);
    assert!(error.contains("overlap"), "{error}");
}

#[test]
fn hostile_pickles_are_refused_without_recursion() {
    let parse = |bytes: &[u8]| Pickle::parse(bytes).map(|pickle| pickle.top().describe().into_owned());
    let nested = [&b"\x80\x02"[..], &b"]".repeat(100_000), &b"a".repeat(99_999), b"."].concat();
    assert_eq!(parse(&nested).as_deref(), Ok("a list"));
    let tuples = [&b"\x80\x02)"[..], &b"\x85".repeat(100_000), b"."].concat();
    assert_eq!(parse(&tuples).as_deref(), Ok("a tuple"));
    let itself = parse(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.");
    assert_eq!(itself.as_deref(), Ok("a dict"), "a dict that holds itself");
    // Nothing is called.
    let calls = parse(b"cos\nsystem\n(X\x02\x00\x00\x00lstR.");
    assert_eq!(calls.as_deref(), Ok("an object of os.system"));
    let cases: [(&[u8], &str); 10] = [
        (b"", "truncated"),
        (b".", "not there"),
        (b"\x80\x09.", "protocol 9"),
        (b"I1\n.", "opcode 0x49 at byte 0"),
        (b"(i__main__\nX\n.", "opcode 0x69"),
        (b"X\xff\xff\xff\xffa.", "truncated"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.", "truncated"),
        (b"h\x05.", "recalls object 5"),
        (b"NN(\x86.", "not there"),
        (b"}(Nu.", "a key without a value"),
    ];
    for (bytes, part) in cases {
        let error = parse(bytes).unwrap_err();
        assert!(error.contains(part), "{error} lacks {part:?}");
    }
    let nowhere = b"\x80\x02ccollections\nOrderedDict\nN\x85R.";
    assert!(parse(nowhere).unwrap_err().contains("OrderedDict with 1 arguments"));
}

#[test]
fn integers_have_their_sign() {
    for (bytes, value) in [
        (&b"K\xff."[..], 255),
        (b"M\xff\xff.", 65535),
        (b"J\xfe\xff\xff\xff.", -2),
        (b"\x8a\x00.", 0),
        (b"\x8a\x01\xff.", -1),
        (b"\x8a\x02\xff\x00.", 255),
        (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", i64::MIN),
    ] {
        let pickle = Pickle::parse(bytes).unwrap();
        assert!(matches!(pickle.top(), Object::Integer(found) if *found == value), "{bytes:?}");
    }
    let large = Pickle::parse(b"\x8a\x09..........").unwrap();
    assert!(matches!(large.top(), Object::Bytes), "an integer of more than 64 bits");
}

/// Whether a mutated file is read to something no larger than it may be, or refused with a reason.
fn survives(file: &Path) -> bool {
    match read_pt(file) {
        Ok(tensors) => tensors.values().all(|array| array.len() <= 16 * 4096),
        Err(error) => !error.problem.is_empty(),
    }
}

#[test]
fn cut_and_flipped_files_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("x.pt");
    for name in ["linear.pt", "views.pt", "checkpoint_model.pt", "legacy.pt"] {
        let whole = std::fs::read(path(name)).unwrap();
        std::fs::write(&copy, &whole).unwrap();
        let mut file = File::options().write(true).open(&copy).unwrap();
        let mut random = Random::new(1, name);
        for (at, byte) in whole.iter().enumerate() {
            let mut put = |byte: u8| {
                file.seek(SeekFrom::Start(at as u64)).unwrap();
                file.write_all(&[byte]).unwrap();
            };
            put(byte ^ (1 + (random.unit() * 255.0) as u8));
            assert!(survives(&copy), "{name}, byte {at}");
            put(*byte);
        }
        assert!(read_pt(&copy).is_ok());
        for len in (0..whole.len()).rev() {
            file.set_len(len as u64).unwrap();
            assert!(read_pt(&copy).is_err(), "{name} cut to {len} bytes was read");
        }
    }
}

#[test]
fn damaged_numbers_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pt");
    let mut bytes = std::fs::read(path("linear.pt")).unwrap();
    let one = bytes.windows(4).position(|word| word == 1f32.to_le_bytes()).unwrap();
    bytes[one] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error = read_pt(&file).unwrap_err();
    assert!(error.problem.contains("is damaged"), "{error}");
}

#[test]
fn mutated_pickles_never_panic() {
    // Past the archive's check sums, which keep most mutations from the machine.
    let mut random = Random::new(2, "pickle");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pt");
    let whole = pickle(6, 0, &[2, 3], &[3, 1]);
    let mut read = 0;
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + (random.unit() * 3.0) as usize {
            let at = (random.unit() * bytes.len() as f64) as usize;
            bytes[at] = (random.unit() * 256.0) as u8;
        }
        std::fs::write(&file, archive(&bytes, 24)).unwrap();
        assert!(survives(&file), "{bytes:?}");
        read += usize::from(Pickle::parse(&bytes).is_ok());
    }
    assert!(read > 20, "only {read} mutations reached the tensors");
    for len in 0..whole.len() {
        assert!(Pickle::parse(&whole[..len]).is_err(), "{len}");
    }
}

/// A string of a pickle.
fn text(words: &str) -> Vec<u8> {
    [&b"X"[..], &(words.len() as u32).to_le_bytes(), words.as_bytes()].concat()
}

/// What an optimizer saves, with these parts of a pickle for its state and its groups.
fn optimizer(state: &[u8], groups: &[u8]) -> Vec<u8> {
    [&b"}("[..], &text("state"), state, &text("param_groups"), groups, b"u"].concat()
}

fn opened(pickle: &[u8]) -> Result<Option<SavedOptimizer>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.pt");
    std::fs::write(&path, archive(&[b"\x80\x02", pickle, b"."].concat(), 4)).unwrap();
    SavedOptimizer::open(&path).map_err(|error| error.problem)
}

/// Of a checkpoint of PyTorch: parameters in groups, tensors by their numbers, and the names of the model beside it.
#[test]
fn an_optimizers_state_is_found_in_a_checkpoint() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/earlier_adamw/checkpoint.pt");
    let saved = SavedOptimizer::open(&path).unwrap().unwrap();
    let keys: Vec<Vec<&str>> =
        saved.groups.iter().map(|group| group.iter().map(|own| own.key.as_str()).collect()).collect();
    assert_eq!(keys, [["0", "1"], ["2", "3"]]);
    assert_eq!(saved.model.unwrap(), ["0.weight", "0.bias", "2.weight", "2.bias"]);
    let tensors = saved.file.read().unwrap();
    assert_eq!((tensors.len(), &tensors["1:exp_avg"].shape), (12, &vec![3, 6]));
    assert_eq!(tensors["3:step"].to_f64(), [5.0]);
    assert!(SavedOptimizer::open(&self::path("linear.pt")).unwrap().is_none());
}

/// Names that PyTorch keeps beside numbers, or in place of them; numbers that are no tensors; and None.
#[test]
fn names_and_numbers_of_an_optimizers_state() {
    let params = |inner: &[u8]| [&b"](}("[..], &text("params"), inner, b"ue"].concat();
    let named = [&b"](K\x00K\x01e"[..], &text("param_names"), b"](", &text("a"), &text("b"), b"e"].concat();
    let state = [&b"}K\x01}("[..], &text("step"), b"K\x07", &text("momentum_buffer"), b"Nus"].concat();
    let saved = opened(&optimizer(&state, &params(&named))).unwrap().unwrap();
    let names: Vec<_> = saved.groups[0].iter().map(|own| (own.key.as_str(), own.name.as_deref())).collect();
    assert_eq!(names, [("0", Some("a")), ("1", Some("b"))]);
    assert_eq!(saved.numbers.into_iter().collect::<Vec<_>>(), [("1:step".to_owned(), 7.0)]);
    assert_eq!((saved.file.names().count(), saved.model), (0, None));
    let by_name = [&b"]("[..], &text("x.w"), b"e"].concat();
    let saved = opened(&optimizer(b"}", &params(&by_name))).unwrap().unwrap();
    assert_eq!((saved.groups[0][0].key.as_str(), saved.groups[0][0].name.as_deref()), ("x.w", Some("x.w")));
}

/// What is no single optimizer's state is refused, and nothing grows beyond what the file holds.
#[test]
fn states_that_are_none_are_refused() {
    let one = optimizer(b"}", b"]");
    let two = [&b"}("[..], &text("a"), &one, &text("b"), &one, b"u"].concat();
    assert!(opened(&two).unwrap_err().contains("holds the states of 2 optimizers; save that of one alone"));
    assert!(opened(&optimizer(b"}", b"]K\x01a")).unwrap_err().contains("param_groups[0] has no keys"));
    assert!(opened(&optimizer(b"}", b"]}a")).unwrap_err().contains("param_groups[0] has no list `params`"));
    assert!(opened(&optimizer(b"}K\x00K\x01s", b"]")).unwrap_err().contains("state of parameter 0 is an int"));
    assert!(
        opened(&optimizer(b"}N}s", b"]")).unwrap_err().contains("has None where the number of a parameter belongs")
    );
    let long = [&b"}"[..], &text(&"x".repeat(2000)), b"}s"].concat();
    assert!(opened(&optimizer(&long, b"]")).unwrap_err().contains("a name of 2000 characters"));
    // One group with ten parameters, a hundred times.
    let group =
        [&b"]("[..], b"}(", &text("params"), b"](", &b"K\x00".repeat(10), b"euq\x01", &b"h\x01".repeat(100), b"e"];
    assert!(opened(&optimizer(b"}", &group.concat())).unwrap_err().contains("has no parameters of its own"));
}
