//! Elementwise functions and their derivatives.

use super::*;
use crate::activation::{Function, Order, Visitor};

/// `out = f(x)`, or a derivative of f.
pub(super) fn activation<E: Element>(kind: Activation, order: Order, out: &mut [E], x: &[E]) -> Result<()> {
    check(order.operation(), &[(out.len(), x.len())])?;
    kind.accept(Elementwise { order, out, x });
    Ok(())
}

struct Elementwise<'a, E> {
    order: Order,
    out: &'a mut [E],
    x: &'a [E],
}

impl<E: Element> Visitor for Elementwise<'_, E> {
    type Output = ();

    fn visit<F: Function>(self) {
        match self.order {
            Order::Value => map(self.out, self.x, |x| F::value(x)),
            Order::Slope => map(self.out, self.x, |x| F::slope(x)),
            Order::Curvature => map(self.out, self.x, |x| F::curvature(x)),
        }
    }
}

/// `out = f(x)`, in vector code where `f` allows it.
fn map<E: Element>(out: &mut [E], x: &[E], f: impl Fn(E) -> E + Sync) {
    in_chunks(out, x, |out, x| {
        kernel::arch().dispatch(
            #[inline(always)]
            || {
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = f(x);
                }
            },
        );
    });
}
