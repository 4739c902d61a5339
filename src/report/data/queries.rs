//! The queries of a page.

use super::blob::Blob;
use super::details::{Detail, Details};
use super::inputs::inputs;
use super::order::Order;
use super::{NONE, first_letters, of_each, question, split, starts};
use crate::loss::{IGNORED, Targets};
use crate::problem::Problem;
use crate::report::contents::Contents;
use crate::report::words::Words;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Real targets of a query.
const TARGETS: usize = 8;

/// What a page says of queries.
pub(super) struct Queries<'a> {
    pub contents: &'a Contents,
    pub details: &'a Details,
    pub order: Option<&'a Order>,
    /// Those that it lists, the worst first.
    pub listed: &'a [usize],
}

impl Queries<'_> {
    /// What is said of each that is listed, and so many bytes of their inputs.
    pub fn put(&self, blob: &mut Blob, of_inputs: usize) -> Value {
        let Self { contents, listed, .. } = *self;
        let problem = contents.problem.as_ref().ok();
        let items: Vec<Vec<usize>> = listed.iter().map(|&query| vec![query]).collect();
        let names: Vec<String> =
            listed.iter().map(|&query| first_letters(contents.names.query(query).unwrap_or_default())).collect();
        let targets_of = problem.and_then(|problem| problem.query_targets.as_ref());
        let two = targets_of.and_then(|targets| contents.two_classes(targets));
        let classes = contents.query_classes().or(two.as_deref());
        let read =
            |query: usize| if two.is_some() { contents.predicted_of_two(query) } else { contents.predicted(query) };
        let predicted: Option<Vec<usize>> = listed.iter().map(|&query| read(query)).collect();
        let targets: Option<Vec<Vec<f64>>> = listed.iter().map(|&query| self.targets(problem?, query)).collect();
        let answers: Option<Vec<String>> = listed.iter().map(|&query| self.answer(problem?, query)).collect();
        json!({
            "count": listed.len(),
            "numbers": blob.places(listed.iter().copied()),
            "classes": classes.map(|classes| blob.put(listed.iter().map(|&query| classes[query]))),
            "predicted": predicted.map(|predicted| blob.places(predicted)),
            "targets": targets.map(|targets| json!({
                "each": targets.first().map_or(0, Vec::len),
                "of": problem.map(|problem| problem.network.outputs),
                "values": blob.reals(targets.concat()),
            })),
            "answers": answers,
            "names": names.iter().any(|name| !name.is_empty()).then_some(names),
            "score": self.order.map(|order| json!({
                "noun": order.noun,
                "largest": order.largest,
                "values": blob.reals(listed.iter().map(|&query| order.scores[query])),
            })),
            "inputs": problem.and_then(|problem| inputs(blob, contents, problem.queries(), &items, of_inputs)),
        })
    }

    /// The first real targets of a query.
    fn targets(&self, problem: &Problem, query: usize) -> Option<Vec<f64>> {
        let own = problem.query_targets.as_ref()?.reals(query, problem.network.outputs)?;
        Some(own[..own.len().min(TARGETS)].to_vec())
    }

    /// The text that is asked of a query of several positions: that of its targets that count.
    fn answer(&self, problem: &Problem, query: usize) -> Option<String> {
        let Targets::Classes(classes) = problem.query_targets.as_ref()? else { return None };
        let positions = classes.len() / self.contents.queries;
        let counts = classes.get(query * positions..)?.get(..positions)?.iter().filter(|&&class| class != IGNORED);
        let tokens: Vec<f64> = counts.map(|&class| f64::from(class)).collect();
        (positions > 1).then(|| self.contents.names.text(&tokens)).flatten().map(|text| first_letters(&text))
    }

    /// What is said of single queries, the first of those that are listed.
    pub fn details(&self, blob: &mut Blob) -> Value {
        let Self { contents, details: Details { all, count, .. }, .. } = *self;
        let kept = all.first().map_or(0, |detail| detail.values.len());
        let places = |of: &dyn Fn(&Detail) -> Vec<usize>| -> Vec<usize> { all.iter().flat_map(of).collect() };
        let reals = |of: &dyn Fn(&Detail) -> Vec<f64>| -> Vec<f64> { all.iter().flat_map(of).collect() };
        let listed = |detail: &Detail| {
            detail.answers.candidates.iter().filter(|own| own.rank < *count).cloned().collect::<Vec<_>>()
        };
        json!({
            "count": all.len(),
            "each": count,
            "kept": kept,
            "questions": question::all(kept, contents.compete()).len(),
            "layer_names": contents.layers.as_ref().map(|array| contents.layer_names(array.shape()[0])),
            "labels": self.of_values(|words, value| words.label(value)),
            "subjects": self.of_values(|words, value| words.value(value, None)),
            "values": blob.places(places(&|own| own.values.clone())),
            "right": blob.put(all.iter().flat_map(|own| own.right.iter().copied())),
            "first": blob.places(places(&|own| vec![own.first.value, own.first.than.unwrap_or(NONE as usize)])),
            "terms": self.terms(blob),
            "sums": blob.reals(reals(&|own| own.answers.sums.iter().flatten().copied().collect())),
            "classes": all.first().map(|own| own.classes.len()),
            "class_of": blob.put(all.iter().flat_map(|own| own.classes.iter().map(|own| own.0))),
            "class_sums": blob.reals(reals(&|own| own.classes.iter().flat_map(|own| own.1.iter().copied()).collect())),
            "layers": blob.reals(reals(&|own| own.layers.concat())),
            "starts": blob.places(starts(all.iter().map(|own| listed(own).len()))),
            "examples": blob.places(places(&|own| listed(own).iter().map(|own| own.example).collect())),
            "amounts": of_each(|of| {
                let amounts = |own: &Detail| listed(own).iter().flat_map(|own| own.amounts[of as usize].clone()).collect();
                contents.knows(of).then(|| blob.reals(reals(&amounts)))
            }),
            "positions": split::put(blob, all.iter().map(|own| &own.positions)),
            "windows": split::put(blob, all.iter().map(|own| &own.windows)),
            "window_borders": split::borders(contents),
        })
    }

    /// What each term of the sum is, of each value that is kept.
    fn terms(&self, blob: &mut Blob) -> Value {
        let terms = &self.contents.terms;
        let known = [
            ("initial", Some(&terms.initial)),
            ("prediction", Some(&terms.prediction)),
            ("regularizer", self.contents.has_decay().then_some(&terms.regularizer)),
            ("statistics", terms.statistics.as_ref()),
            ("earlier", terms.earlier.as_ref()),
            ("unexplained", terms.unexplained.as_ref()),
            ("residual", Some(&terms.residual)),
        ];
        let own = |array: &Vec<f64>| {
            let of = |detail: &Detail| -> Vec<f64> {
                let all = self.contents.values_of(array, detail.query);
                detail.values.iter().map(|&value| all[value]).collect()
            };
            self.details.all.iter().flat_map(of).collect::<Vec<f64>>()
        };
        let put = |(name, array): (&str, Option<&Vec<f64>>)| Some((name.to_owned(), blob.reals(own(array?))));
        known.into_iter().filter_map(put).collect::<Map<String, Value>>().into()
    }

    /// Words for each of the values that are kept.
    fn of_values(&self, say: impl Fn(&Words<'_>, usize) -> String) -> BTreeMap<usize, String> {
        let words = Words::of(self.contents);
        let kept = self.details.all.iter().flat_map(|detail| detail.values.iter().copied());
        kept.map(|value| (value, say(&words, value))).collect()
    }
}
