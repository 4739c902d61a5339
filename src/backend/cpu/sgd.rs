//! A step of gradient descent.

use super::*;

pub(super) fn sgd<E: Element>(step: &Sgd, next: &mut [E], weights: &[E], gradient: &[E]) -> Result<()> {
    check("sgd", &[(next.len(), weights.len()), (next.len(), gradient.len())])?;
    let (rate, decay) = (E::from_f64(step.learning_rate), E::from_f64(step.weight_decay));
    for ((next, &w), &g) in next.iter_mut().zip(weights).zip(gradient) {
        *next = w - rate * (g + decay * w);
    }
    Ok(())
}
