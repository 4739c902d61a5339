//! SIGKILL at random moments.

use crate::fixture::{Fixture, stderr};
use pathkernel::formats::write_safetensors;
use pathkernel::random::{Random, numbers};
use std::time::{Duration, Instant};

/// Kills that each run meets at the least: `PATHKERNEL_KILLS`, or few.
fn kills() -> usize {
    std::env::var("PATHKERNEL_KILLS").map_or(6, |text| text.parse().expect("PATHKERNEL_KILLS is a number"))
}

fn killed_and_resumed(extra: &[&str]) {
    let fixture = Fixture::new();
    let arguments = |directory: &'static str| [&["run", "run.toml", directory][..], extra].concat();
    let started = Instant::now();
    fixture.succeeds(&arguments("run.directory=whole"));
    let whole = started.elapsed();
    let mut random = Random::new(3, "kills");
    let (mut killed, mut rounds) = (0, 0);
    while killed < kills() {
        let directory = fixture.path("out");
        if directory.exists() {
            std::fs::remove_dir_all(directory).expect("a writable folder");
        }
        loop {
            let mut child = fixture.start(&arguments("run.directory=out"));
            let until = Instant::now() + whole.mul_f64(random.unit());
            while Instant::now() < until && child.try_wait().expect("a child").is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
            let ended = child.try_wait().expect("a child").is_some();
            if !ended {
                child.kill().expect("a child");
                killed += 1;
            }
            let output = child.wait_with_output().expect("a child");
            if output.status.success() {
                break;
            }
            assert!(!ended, "{}", stderr(&output));
        }
        fixture.is_as("out", "whole");
        rounds += 1;
    }
    println!("{killed} kills in {rounds} runs of {whole:?}");
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    killed_and_resumed(&[]);
}

/// Of the attribution, the largest alone.
#[test]
fn a_killed_run_keeps_the_same_lists() {
    killed_and_resumed(&["kernel.layers=false", "kernel.top=3", "run.precision=f64"]);
}

/// What was drawn is drawn again, also where steps are made again.
#[test]
fn a_killed_run_with_dropout_goes_on_to_the_same_bits() {
    killed_and_resumed(&[
        "model.layers=[{ type = \"dropout\", p = 0.1 }, { type = \"linear\", features = 16 }, { type = \"tanh\" }, \
         { type = \"dropout\" }, { type = \"linear\", features = 4 }]",
        "run.seed=5",
        "trajectory.every=7",
    ]);
}

/// What the optimizer had before the first step acts to the end, also where steps are made again.
#[test]
fn a_killed_run_that_starts_in_the_middle_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.safetensors");
    let shapes: [(&str, &[usize]); 4] =
        [("0.weight", &[16, 6]), ("0.bias", &[16]), ("2.weight", &[4, 16]), ("2.bias", &[4])];
    let of = |(number, (name, shape)): (usize, (&str, &[usize]))| {
        let count = shape.iter().product();
        let own = numbers(number as u64 + 5, count);
        let squares = own.iter().map(|value| value * value).collect();
        let scalar = (format!("{name}.step"), Vec::new(), vec![12.0]);
        [
            (format!("{name}.exp_avg"), shape.to_vec(), own),
            (format!("{name}.exp_avg_sq"), shape.to_vec(), squares),
            scalar,
        ]
    };
    let tensors: Vec<(String, Vec<usize>, Vec<f64>)> = shapes.into_iter().enumerate().flat_map(of).collect();
    let views: Vec<(String, Vec<usize>, &[f64])> =
        tensors.iter().map(|(name, shape, values)| (name.clone(), shape.clone(), values.as_slice())).collect();
    write_safetensors(&path, &views).expect("a writable folder");
    killed_and_resumed(&[
        "training.optimizer={ type = \"adam\", learning_rate = 0.01, weight_decay = 0.1 }",
        &format!("training.optimizer_state={}", path.display()),
        "trajectory.every=7",
    ]);
}

#[test]
fn a_killed_run_in_zarr_goes_on_to_the_same_bits() {
    killed_and_resumed(&[
        "run.store=zarr",
        "kernel.layers=false",
        "training.optimizer.momentum=0.0",
        "kernel.kernel=trace",
    ]);
}

/// Tiles of self-attributions are kept as those of pairs are.
#[test]
fn a_killed_run_with_self_attributions_goes_on_to_the_same_bits() {
    killed_and_resumed(&["kernel.own=true", "kernel.attribution=false", "kernel.layers=false"]);
}

/// Tiles of influences are kept as those of pairs are, on their way back through the steps, and so are the path of another weight and
/// what training again gave.
#[test]
fn a_killed_run_with_influences_goes_on_to_the_same_bits() {
    killed_and_resumed(&[
        "kernel.influence={ weight = 0.5 }",
        "kernel.readout={ type = 'difference', classes = [0, 1] }",
        "kernel.attribution=false",
        "kernel.layers=false",
        "training.optimizer={ type = \"adam\", learning_rate = 0.01 }",
        "training.steps=12",
    ]);
}

/// Killed while it wrote coefficients, which are the last to be computed.
#[test]
fn half_a_coefficients_tile_is_tidied() {
    let fixture = Fixture::new();
    let run = [
        "run",
        "run.toml",
        "run.store=zarr",
        "kernel.kernel=diagonal",
        "kernel.coefficients=true",
        "training.steps=4",
        "training.optimizer.momentum=0",
    ];
    fixture.succeeds(&[&run[..], &["run.directory=whole"]].concat());
    for shard in ["0/2", "1/2"] {
        fixture.succeeds(&[&run[..], &["--shard", shard]].concat());
    }
    fixture.write("out/coefficients.zarr.tmp/0123456789abcdef.tmp", b"half a tile");
    fixture.succeeds(&run);
    fixture.is_as("out", "whole");
}

/// Killed after its summary was written and before it had removed its tiles.
#[test]
fn a_finished_run_is_tidied() {
    let fixture = Fixture::new();
    fixture.succeeds(&["run", "run.toml", "run.directory=whole", "training.steps=4"]);
    fixture.succeeds(&["run", "run.toml", "training.steps=4"]);
    std::fs::create_dir_all(fixture.path("out/attribution.zarr.tmp/c")).expect("a writable folder");
    fixture.write("out/attribution.zarr.tmp/c/0", b"a tile");
    fixture.write("out/run.lock", b"");
    fixture.succeeds(&["run", "run.toml", "training.steps=4"]);
    fixture.is_as("out", "whole");
}

#[test]
fn a_killed_flow_goes_on_to_the_same_bits() {
    let flow = "training.optimizer={type=\"flow\",time=3.0}";
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(fixture.path("run.toml")).expect("a run file");
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !["steps", "batch_size", "optimizer"].iter().any(|key| line.starts_with(key)))
        .collect();
    fixture.write("flow.toml", kept.join("\n").as_bytes());
    let run = |directory: &'static str| ["run", "flow.toml", directory, flow];
    fixture.succeeds(&run("run.directory=whole"));
    let mut random = Random::new(4, "kills");
    for _ in 0..kills() {
        let mut child = fixture.start(&run("run.directory=out"));
        std::thread::sleep(Duration::from_secs_f64(0.8 * random.unit()));
        child.kill().expect("a child");
        child.wait().expect("a child");
    }
    fixture.succeeds(&run("run.directory=out"));
    fixture.is_as("out", "whole");
}
