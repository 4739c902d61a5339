//! Layers that are unknown, lack something, or do not fit the shape that they are given.

use crate::bytes::{npy_f64, npy_i64};
use crate::fixture::Fixture;

/// Each list of layers on images of 1 x 4 x 4; the message must say each of the words.
fn refuses_layers(cases: &[(&str, &[&str])]) {
    let fixture = Fixture::new();
    fixture.write("x.npy", &npy_f64(&[4, 16], &[0.5; 64]));
    for (layers, words) in cases {
        fixture.refuses(&["model.input=[1, 4, 4]", &format!("model.layers={layers}")], words);
    }
}

#[test]
fn an_unknown_layer_or_activation_names_the_nearest() {
    refuses_layers(&[
        ("[{ type = 'liner', features = 2 }]", &["model.layers[0].type", "\"liner\"", "mean \"linear\""]),
        ("[{ type = 'conv2' }]", &["model.layers[0].type", "mean \"conv2d\""]),
        ("[{ type = 'flatten' }, { type = 'rleu' }]", &["model.layers[1].type", "mean \"relu\""]),
        ("[{ type = 'soft_plus' }]", &["model.layers[0].type", "mean \"softplus\""]),
        ("[{ type = 'maxpool2d', kernel = 2 }]", &["model.layers[0].type", "mean \"max_pool2d\""]),
    ]);
}

#[test]
fn a_layer_needs_its_keys_and_no_others() {
    refuses_layers(&[
        ("[{ features = 2 }]", &["model.layers[0].type", "required"]),
        ("[{ type = 'linear' }]", &["model.layers[0].features", "required"]),
        ("[{ type = 'linear', feature = 2, features = 2 }]", &["layers[0].feature:", "mean \"features\""]),
        ("[{ type = 'conv2d', kernel = 3 }]", &["model.layers[0].channels", "required"]),
        ("[{ type = 'conv2d', channels = 3 }]", &["model.layers[0].kernel", "required"]),
        ("[{ type = 'max_pool2d' }]", &["model.layers[0].kernel", "required"]),
        ("[{ type = 'max_pool2d', kernel = 2, ceil_mode = true }]", &["model.layers[0].ceil_mode", "unknown key"]),
        (
            "[{ type = 'max_pool2d', kernel = 2, padding = 2 }, { type = 'linear', features = 2 }]",
            &["model.layers[0]", "more than half of the kernel"],
        ),
        ("[{ type = 'max_pool2d', kernel = [1, 2, 3] }]", &["model.layers[0].kernel", "one for each of 2 axes"]),
        ("[{ type = 'conv1d', channels = 1, kernel = 2 }]", &["model.layers[0]", "lines are [channels, length]"]),
        ("[{ type = 'group_norm', groups = 3 }]", &["model.layers[0]", "groups = 3", "does not divide the channels"]),
        (
            "[{ type = 'conv2d', channels = 3, kernel = 2, groups = 2 }]",
            &["model.layers[0]", "groups = 2", "does not divide"],
        ),
        (
            "[{ type = 'conv_transpose2d', channels = 1, kernel = 2, output_padding = 1 }]",
            &["model.layers[0]", "output_padding = [1, 1] must be below the stride"],
        ),
        (
            "[{ type = 'conv_transpose2d', channels = 1, kernel = 1, padding = 9 }]",
            &["model.layers[0]", "nothing is left"],
        ),
        ("[{ type = 'clamp', min = 'a' }]", &["model.layers[0].min", "must be a number"]),
        ("[{ type = 'gelu', approximate = 'erf' }]", &["model.layers[0].approximate", "none, tanh"]),
        ("[{ type = 'layer_norm', axes = 7 }]", &["model.layers[0]", "axes = 7", "name fewer"]),
        ("[{ type = 'linear', features = 2 }, { type = 'add' }]", &["model.layers[1].from", "required"]),
        ("[{ type = 'relu', bias = true }]", &["model.layers[0].bias", "unknown key"]),
        ("[]", &["model.layers", "no layer has parameters"]),
        ("[{ type = 'relu' }]", &["model.layers", "no layer has parameters"]),
        ("['linear']", &["model.layers", "entry 0", "table"]),
        ("3", &["model.layers", "list of tables"]),
    ]);
}

#[test]
fn sizes_are_at_least_one() {
    refuses_layers(&[
        ("[{ type = 'linear', features = 0 }]", &["model.layers[0].features", "is 0", "at least 1"]),
        ("[{ type = 'linear', features = -2 }]", &["model.layers[0].features", "is -2", "at least 1"]),
        ("[{ type = 'linear', features = 2.5 }]", &["model.layers[0].features", "is 2.5", "whole number"]),
        ("[{ type = 'conv2d', channels = 0, kernel = 1 }]", &["model.layers[0].channels", "at least 1"]),
        ("[{ type = 'conv2d', channels = 1, kernel = 0 }]", &["model.layers[0].kernel", "at least 1"]),
        ("[{ type = 'conv2d', channels = 1, kernel = 1, stride = 0 }]", &["layers[0].stride", "at least 1"]),
        ("[{ type = 'conv2d', channels = 1, kernel = 1, padding = -1 }]", &["layers[0].padding", "at least 0"]),
        ("[{ type = 'avg_pool2d', kernel = 0 }]", &["model.layers[0].kernel", "at least 1"]),
    ]);
}

#[test]
fn a_window_must_fit_its_image() {
    let flat = "{ type = 'flatten' }, { type = 'linear', features = 2 }";
    let image = "does not fit an image of 4 x 4";
    refuses_layers(&[
        (
            &format!("[{{ type = 'conv2d', channels = 2, kernel = 5 }}, {flat}]"),
            &["layers[0] (conv2d)", "5 x 5", image],
        ),
        (
            &format!("[{{ type = 'conv2d', channels = 2, kernel = 7, padding = 1 }}, {flat}]"),
            &["layers[0] (conv2d)", "7 x 7", image, "padding 1"],
        ),
        (&format!("[{{ type = 'max_pool2d', kernel = 5 }}, {flat}]"), &["layers[0] (max_pool2d)", "5 x 5", image]),
        (&format!("[{{ type = 'avg_pool2d', kernel = 9 }}, {flat}]"), &["layers[0] (avg_pool2d)", "9 x 9", image]),
        (
            &format!("[{{ type = 'max_pool2d', kernel = 2 }}, {{ type = 'max_pool2d', kernel = 3 }}, {flat}]"),
            &["layers[1] (max_pool2d)", "3 x 3", "2 x 2"],
        ),
        (
            &format!("[{{ type = 'flatten' }}, {{ type = 'max_pool2d', kernel = 2 }}, {flat}]"),
            &["layers[1] (max_pool2d)", "[16]", "[channels, height, width]"],
        ),
    ]);
}

#[test]
fn a_layer_reads_an_earlier_one_of_its_shape() {
    let start = "{ type = 'flatten' }, { type = 'linear', features = 2 }";
    refuses_layers(&[
        (&format!("[{start}, {{ type = 'add', from = 2 }}]"), &["model.layers[2].from", "earlier layer"]),
        (&format!("[{start}, {{ type = 'add', from = -2 }}]"), &["model.layers[2].from", "earlier layer"]),
        (
            &format!("[{start}, {{ type = 'relu', from = 'x' }}]"),
            &["model.layers[2] (relu)", "from = \"x\"", "earlier layer"],
        ),
        (&format!("[{start}, {{ type = 'add', from = 0 }}]"), &["layers[2] (add)", "[2]", "[16]", "differ"]),
    ]);
}

/// Images of 1 x 4 x 4 are rearranged as their shape allows.
#[test]
fn what_does_not_fit_a_shape_is_named() {
    let end = "{ type = 'flatten' }, { type = 'linear', features = 2 }";
    let cases: [(&str, &[&str]); 22] = [
        ("type = 'reshape', shape = [5, -1]", &["layers[0] (reshape)", "[5, -1]", "[1, 4, 4], 16 elements"]),
        ("type = 'reshape', shape = [-1, -1]", &["layers[0] (reshape)", "more than one -1"]),
        ("type = 'reshape', shape = []", &["layers[0] (reshape)", "as many elements"]),
        ("type = 'permute', axes = [0, 1]", &["layers[0] (permute)", "each of its axes once"]),
        ("type = 'permute', axes = [0, 1, 3]", &["layers[0] (permute)", "0 to 2, or -1 to -3", "not 3"]),
        ("type = 'slice', axis = 1, start = 4", &["layers[0] (slice)", "start = 4 leave nothing of an axis of 4"]),
        ("type = 'slice', axis = 1, step = -1", &["layers[0].step", "at least 1"]),
        ("type = 'slice', axis = 9", &["layers[0] (slice)", "not 9"]),
        ("type = 'concat', axis = 0", &["layers[0].from", "required"]),
        ("type = 'concat', axis = 3, from = [-1, -1]", &["layers[0] (concat)", "not 3"]),
        ("type = 'pad', padding = [1]", &["layers[0] (pad)", "two for each axis"]),
        ("type = 'pad', padding = [-2, -2]", &["layers[0] (pad)", "nothing left"]),
        ("type = 'pad', padding = [9223372036854775807, 1]", &["layers[0] (pad)", "elements"]),
        ("type = 'broadcast', shape = [3, 4, 5]", &["layers[0] (broadcast)", "[1, 4, 4]", "[3, 4, 5]"]),
        ("type = 'broadcast', shape = [9223372036854775807, 4, 4]", &["layers[0] (broadcast)", "elements"]),
        ("type = 'sum', axes = []", &["layers[0].axes", "empty"]),
        ("type = 'mean', axes = [1, -2]", &["layers[0] (mean)", "each named once"]),
        ("type = 'upsample', scale_factor = [2, 2, 2]", &["layers[0] (upsample)", "[1, 4, 4]", "3 factors"]),
        ("type = 'upsample', scale_factor = 0", &["layers[0].scale_factor", "at least 1"]),
        ("type = 'upsample', scale_factor = 4294967295", &["layers[0] (upsample)", "elements"]),
        ("type = 'scale', by = inf", &["layers[0].by", "finite"]),
        ("type = 'constant', values = 'nowhere.npy'", &["layers[0] (constant)", "nowhere.npy", "no such file"]),
    ];
    let whole: Vec<(String, &[&str])> =
        cases.into_iter().map(|(layer, words)| (format!("[{{ {layer} }}, {end}]"), words)).collect();
    let all: Vec<(&str, &[&str])> = whole.iter().map(|(layers, words)| (layers.as_str(), *words)).collect();
    refuses_layers(&all);
}

/// Each layer fits into the counts that TOML can hold, their products into no memory.
#[test]
fn shapes_beyond_any_memory_are_refused() {
    let most = u32::MAX;
    let flat = "{ type = 'flatten' }, { type = 'linear', features = 2 }";
    refuses_layers(&[
        (
            &format!("[{{ type = 'conv2d', channels = {most}, kernel = 1 }}, {flat}]"),
            &["layers[0] (conv2d)", "[4294967295, 4, 4]", "elements"],
        ),
        (
            &format!("[{{ type = 'conv2d', channels = 1, kernel = {most}, padding = {most} }}, {flat}]"),
            &["layers[0] (conv2d)", "elements"],
        ),
        (
            &format!("[{{ type = 'conv2d', channels = 1, kernel = 1, padding = {} }}, {flat}]", 1u32 << 31),
            &["layers[0] (conv2d)", "elements"],
        ),
        (
            &format!(
                "[{{ type = 'flatten' }}, {{ type = 'linear', features = {most} }}, {{ type = 'linear', features = {most} }}]"
            ),
            &["layers[2] (linear)", "parameters"],
        ),
    ]);
    let fixture = Fixture::new();
    fixture.refuses(&["model.input=[4294967295, 4294967295, 4294967295]"], &["model.input", "elements"]);
}

#[test]
fn one_class_more_than_outputs_names_the_outputs() {
    let fixture = Fixture::with("features = 2", "features = 1");
    fixture.write("y.npy", &npy_i64(&[4], &[0, 0, 0, 1]));
    fixture.refuses(&[], &["y.npy", "entry 3 is 1", "1 output"]);
}
