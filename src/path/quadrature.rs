//! Quadrature rules on [0, 1].

/// The quadrature rule on a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Gauss-Legendre.
    Gauss {
        /// Its number of nodes.
        nodes: usize,
    },
    /// The gradient at the step's start.
    Left,
    /// Each query's own nodes, until its step is explained; segments are cut where a unit flips.
    Adaptive {
        /// What may stay unexplained of a step's change, relative.
        tolerance: f64,
    },
}

impl Rule {
    /// Its name in a run file.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Gauss { .. } => "gauss",
            Rule::Left => "left",
            Rule::Adaptive { .. } => "adaptive",
        }
    }
}

/// Nodes and weights on [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Quadrature {
    /// τ of each node, ascending.
    pub nodes: Vec<f64>,
    /// The weights; they sum to 1.
    pub weights: Vec<f64>,
}

impl Quadrature {
    /// The rule that a run asks for; `None` where every query has nodes of its own.
    pub fn new(rule: &Rule) -> Option<Self> {
        match rule {
            Rule::Gauss { nodes } => Some(gauss(*nodes)),
            Rule::Left => Some(Self::left()),
            Rule::Adaptive { .. } => None,
        }
    }

    /// The nodes within a step of gradient flow: those of the rule `gauss`, which is the only one that goes with it.
    pub fn of_flow(rule: &Rule) -> Self {
        Self::new(rule).unwrap_or_else(Self::left)
    }

    /// No node.
    pub fn none() -> Self {
        Self { nodes: Vec::new(), weights: Vec::new() }
    }

    /// The start of the segment alone.
    pub fn left() -> Self {
        Self { nodes: vec![0.0], weights: vec![1.0] }
    }
}

/// Gauss-Legendre: exact for polynomials of degree `2 count - 1`. Newton's iteration on the Legendre polynomial.
pub fn gauss(count: usize) -> Quadrature {
    let mut pairs: Vec<(f64, f64)> = (0..count).map(|i| gauss_node(count, i)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (nodes, weights) = pairs.into_iter().unzip();
    Quadrature { nodes, weights }
}

fn gauss_node(count: usize, i: usize) -> (f64, f64) {
    let n = count as f64;
    let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
    let mut slope = 1.0;
    // From this start it doubles its digits each time, so that a few are enough; rounding may keep the last step from
    // ever getting smaller.
    for _ in 0..10 {
        let (mut before, mut value) = (1.0, x);
        for k in 2..=count {
            let k = k as f64;
            (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
        }
        slope = n * (x * value - before) / (x * x - 1.0);
        let step = value / slope;
        x -= step;
        if step.abs() < 1e-16 {
            break;
        }
    }
    (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_integrates_monomials_to_its_degree() {
        for count in 1..=24 {
            let rule = gauss(count);
            for degree in 0..2 * count as i32 {
                let sum: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.powi(degree)).sum();
                assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "{count} nodes, degree {degree}: {sum}");
            }
        }
    }

    #[test]
    fn many_nodes_are_as_accurate() {
        for count in [64, 256, 1000, 4096] {
            let rule = gauss(count);
            assert!(rule.nodes.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(rule.nodes[0] > 0.0 && rule.nodes[count - 1] < 1.0);
            for degree in (0..2 * count as i32).step_by(count / 32 - 1) {
                let sum: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.powi(degree)).sum();
                assert!((sum - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "{count} nodes, degree {degree}: {sum}");
            }
            // What no polynomial is: e^x cos(40 x).
            let (rate, e) = (40.0f64, std::f64::consts::E);
            let exact = (e * (rate * rate.sin() + rate.cos()) - 1.0) / (1.0 + rate * rate);
            let sum: f64 = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.exp() * (rate * x).cos()).sum();
            assert!((sum - exact).abs() < 1e-14, "{count} nodes: {sum}, not {exact}");
        }
    }
}
