//! Gradients that are not those of the run file's network, loss and data.

use super::Case;

/// What is usual where nothing else was found, with how the steps lie to those of the optimizer.
pub(super) fn gradients(case: &Case<'_>) -> String {
    let sizes = case.course.all();
    let cosine = sizes.along / (sizes.change * sizes.own).sqrt();
    let share = (sizes.rest / sizes.change).sqrt();
    let lie = format!(
        "the recorded steps lie at a cosine of {cosine:.3} to those of the optimizer, and differ from them by {:.0}% of their length",
        100.0 * share
    );
    if case.course.sizes[0].is_explained() {
        return format!(
            "{lie}. The first step is explained, so that network, data and loss are the recorded ones there: usually the optimizer's \
             other numbers are not (momentum, betas, weight_decay), or the order of the batches (training.batches), or what training \
             changed on the way"
        );
    }
    format!(
        "{lie}, the first one too: the gradients were not those of this network and loss on these data. Usual causes are dropout or \
         augmentation, weights of classes or examples (training.class_weights, data.train.weights), another loss, reduction or order \
         of the batches (training.batches), inputs on another scale, a running average in place of the weights, and another optimizer"
    )
}
