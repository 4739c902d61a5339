//! Attention against plain loops, and its derivatives against differences.

use super::super::check;
use super::*;
use crate::compute::cpu::CpuBackend;
use crate::graph::{Draw, Segment};

const ONE: Heads = Heads { heads: 1, kv_heads: 1, causal: false, scale: None };

fn attention(shapes: &[&[usize]], heads: &Heads) -> Attention {
    Attention::new(shapes, heads).expect("shapes that fit")
}

fn numbers(from: usize, len: usize) -> Vec<f64> {
    (from..from + len).map(|at| (1.7 * at as f64 + 0.3).sin()).collect()
}

/// With tiles of everything, of single rows, of groups of heads and of single queries.
#[test]
fn derivatives() {
    let square = [4, 4].as_slice();
    let cases = [
        (vec![square; 3], ONE),
        (vec![square; 3], Heads { heads: 2, kv_heads: 2, causal: true, scale: Some(0.7) }),
        (vec![square; 4], Heads { heads: 2, kv_heads: 2, ..ONE }),
    ];
    for (shapes, heads) in &cases {
        for scores in [SCORES, 70, 33, 17, 1] {
            check::against_differences(square, Attention { scores, ..attention(shapes, heads) });
        }
    }
}

/// The same elements of the softmax are dropped, however it is cut into tiles.
#[test]
fn derivatives_with_dropout() {
    let square = [4, 4].as_slice();
    let dropped = Some(Dropped { share: 0.4, layer: 1 });
    for heads in [ONE, Heads { heads: 4, kv_heads: 2, causal: true, scale: Some(0.7) }] {
        let inputs: &[&[usize]] = if heads.kv_heads == 2 { &[square, &[4, 2], &[4, 2]] } else { &[square; 3] };
        let own = attention(inputs, &heads).dropping(dropped);
        let all = values(&own);
        for scores in [SCORES, 70, 33, 17, 1] {
            let own = Attention { scores, ..own.clone() };
            let tiled = values(&own);
            assert!(all.iter().zip(&tiled).all(|(a, b)| (a - b).abs() < 1e-14), "{scores}: {tiled:?}, not {all:?}");
            if heads == ONE {
                check::against_differences(square, own);
            }
        }
        let whole = values(&own.clone().dropping(None));
        assert!(all.iter().zip(&whole).any(|(a, b)| (a - b).abs() > 1e-3));
    }
}

/// The values of two rows, of the examples 4 and 2, in step 5.
fn values(own: &Attention) -> Vec<f64> {
    let (backend, examples) = (CpuBackend::<f64>::new(), vec![4, 2]);
    let weights = backend.zeros(1).expect("room");
    let lens = own.built().inputs;
    let arrays: Vec<_> = lens.iter().map(|len| backend.upload(&numbers(*len, 2 * len)).expect("room")).collect();
    let inputs: Vec<_> = arrays.iter().map(|array| Slice::new(array, 0, array.len())).collect();
    let draw = Some(Draw { seed: 3, step: 5, examples: &examples });
    let site = Site { backend: &backend, segment: Segment::at(&weights), used: Used::default(), rows: 2, draw };
    let len = 2 * own.built().shape.iter().product::<usize>();
    let out = fresh(&backend, len, |out| own.forward(&site, &inputs, out).map(drop)).expect("a pass");
    backend.download(Slice::new(&out, 0, len)).expect("values")
}

/// A mask for each head: [2, 2, 2] has as many elements as [2, 4].
#[test]
fn derivatives_with_a_mask_for_each_head() {
    let (own, mask) = ([2, 4].as_slice(), [2, 2, 2].as_slice());
    for scores in [SCORES, 5, 1] {
        let heads = Heads { heads: 2, kv_heads: 2, ..ONE };
        check::against_differences(own, Attention { scores, ..attention(&[own, own, own, mask], &heads) });
    }
}

/// With keys shared by heads, and more of them than queries.
#[test]
fn heads_share_keys() {
    let (rows, queries, keys, width, values) = (2, 2, 3, 2, 1);
    let heads = Heads { heads: 4, kv_heads: 2, causal: true, scale: None };
    let shapes: [&[usize]; 3] = [&[queries, 4 * width], &[keys, 2 * width], &[keys, 2 * values]];
    for scores in [SCORES, 13, 3] {
        let own = Attention { scores, ..attention(&shapes, &heads) };
        let lens = own.built().inputs;
        assert_eq!(own.built().shape, [queries, 4 * values]);
        let arrays: Vec<Vec<f64>> = lens.iter().enumerate().map(|(at, len)| numbers(40 * at, rows * len)).collect();
        let backend = CpuBackend::<f64>::new();
        let weights = backend.zeros(1).expect("room");
        let uploaded: Vec<_> = arrays.iter().map(|array| backend.upload(array).expect("room")).collect();
        let inputs: Vec<_> = uploaded.iter().map(|array| Slice::new(array, 0, array.len())).collect();
        let site = Site { backend: &backend, segment: Segment::at(&weights), used: Used::default(), rows, draw: None };
        let len = rows * queries * 4 * values;
        let out = fresh(&backend, len, |out| own.forward(&site, &inputs, out).map(drop)).expect("a pass");
        for (place, &got) in backend.download(Slice::new(&out, 0, len)).expect("values").iter().enumerate() {
            let (row, query, head) = (place / (queries * 4), place / 4 % queries, place % 4);
            let kv = head / 2;
            let q = |j: usize| arrays[0][row * lens[0] + query * 4 * width + head * width + j];
            let k = |key: usize, j: usize| arrays[1][row * lens[1] + key * 2 * width + kv * width + j];
            let score = |key: usize| (0..width).map(|j| q(j) * k(key, j)).sum::<f64>() / (width as f64).sqrt();
            let total: f64 = (0..=query).map(|key| score(key).exp()).sum();
            let v = |key: usize| arrays[2][row * lens[2] + key * 2 + kv];
            let want: f64 = (0..=query).map(|key| score(key).exp() / total * v(key)).sum();
            assert!((got - want).abs() < 1e-14, "{place}: {got} instead of {want}");
        }
    }
}

/// Every score is in one tile, and no tile has more than are held at once, unless a single query has.
#[test]
fn tiles_cover_all_scores() {
    let heads = Heads { heads: 6, kv_heads: 3, ..ONE };
    let (queries, keys, rows) = (5, 7, 4);
    let own = attention(&[&[queries, 6], &[keys, 3], &[keys, 3]], &heads);
    let all = rows * 6 * queries * keys;
    for scores in [1, 14, 30, 69, 70, 71, 200, 210, 430, 2000] {
        let tiles = Attention { scores, ..own.clone() }.tiles(rows);
        let sizes = tiles.iter().map(|tile| tile.rows.len() * tile.groups.len() * 2 * tile.queries.len() * keys);
        assert_eq!(sizes.clone().sum::<usize>(), all);
        assert!(sizes.max() <= Some(scores.max(2 * keys)));
    }
    let counts = [2000, 430, 209, 69].map(|scores| Attention { scores, ..own.clone() }.tiles(rows).len());
    assert_eq!(counts, [1, 2, rows * 2, rows * 3 * 2]);
}

#[test]
fn what_does_not_fit_is_said() {
    let problem = |shapes: &[&[usize]], heads: &Heads| Attention::new(shapes, heads).err().unwrap_or_default();
    let own: &[usize] = &[5, 6];
    for (shapes, heads, said) in [
        (vec![own, own], ONE, "not 2 layers"),
        (vec![own; 5], ONE, "not 5 layers"),
        (vec![own, own, &[6][..]], ONE, "[positions, features]"),
        (vec![own; 3], Heads { heads: 4, kv_heads: 4, ..ONE }, "4 heads"),
        (vec![own; 3], Heads { heads: 3, kv_heads: 2, ..ONE }, "kv_heads must divide heads"),
        (vec![own, own, &[4, 6]], ONE, "5 keys and 4 values"),
        (vec![own, &[5, 4], own], ONE, "6 features in queries and 4 in keys"),
        (vec![&[1 << 20, 1][..]; 3], ONE, "make it smaller"),
        (vec![own, own, own, own], ONE, "[5, 5] or [1, 5, 5]"),
    ] {
        assert!(problem(&shapes, &heads).contains(said), "{said}: {}", problem(&shapes, &heads));
    }
}
