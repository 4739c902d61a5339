//! Arrays that are known when a file is read: shapes, positions, masks. Lengths may be multiples of the batch's.

use super::Refused;
use std::rc::Rc;

/// Elements of an array that is worked out, at the most: a mask of 4096 × 4096 positions.
const MOST_ELEMENTS: usize = 1 << 24;

/// A number that may grow with the batch: `fixed + batches B`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub fixed: f64,
    pub batches: f64,
}

impl From<f64> for Number {
    fn from(fixed: f64) -> Self {
        Self { fixed, batches: 0.0 }
    }
}

impl Number {
    /// Its value, where the batch has no part in it.
    pub fn known(self) -> Result<f64, Refused> {
        match self.batches {
            0.0 => Ok(self.fixed),
            _ => Err("depends on the size of the batch; it must be the same for every example".into()),
        }
    }

    /// Both parts through a function of each, such as a product with one number.
    pub fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self { fixed: function(self.fixed), batches: function(self.batches) }
    }
}

/// What the numbers of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Real,
    Whole,
    /// 0 or 1.
    Truth,
}

/// An array that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub shape: Vec<usize>,
    pub numbers: Rc<[Number]>,
    pub kind: Numbers,
}

/// How many elements an array of a shape has, where it is small enough to be worked out.
pub(super) fn elements(shape: &[usize]) -> Result<usize, Refused> {
    // Sides beside a 0 are counted too, since strides are products of some of the sides.
    let bound = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side.max(1)));
    match bound {
        Some(bound) if bound <= MOST_ELEMENTS => Ok(shape.iter().product()),
        _ => Err(format!("makes an array of shape {shape:?}, more than {MOST_ELEMENTS} elements").into()),
    }
}

impl Constant {
    pub fn new(shape: &[usize], kind: Numbers, numbers: Vec<Number>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), numbers.len());
        Self { shape: shape.to_vec(), numbers: numbers.into(), kind }
    }

    /// Whole numbers in a row.
    pub fn row(numbers: Vec<Number>) -> Self {
        Self::new(&[numbers.len()], Numbers::Whole, numbers)
    }

    /// One number without axes.
    pub fn single(number: Number, kind: Numbers) -> Self {
        Self::new(&[], kind, vec![number])
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The numbers, where the batch has no part in them.
    pub fn known(&self) -> Result<Vec<f64>, Refused> {
        self.numbers.iter().map(|number| number.known()).collect()
    }

    /// The numbers as whole ones; those beyond the range are at its ends.
    pub fn wholes(&self) -> Result<Vec<i64>, Refused> {
        Ok(self.known()?.into_iter().map(|number| number as i64).collect())
    }

    /// The only whole number.
    pub fn whole(&self) -> Result<i64, Refused> {
        match self.wholes()?.as_slice() {
            &[only] => Ok(only),
            numbers => Err(format!("takes one number, and is given {}", numbers.len()).into()),
        }
    }

    /// The number that all elements are.
    pub fn uniform(&self) -> Option<f64> {
        let first = self.numbers.first()?;
        let same = self.numbers.iter().all(|number| number == first);
        if same { first.known().ok() } else { None }
    }

    /// The same numbers in another shape of as many elements.
    pub fn reshaped(&self, shape: &[usize]) -> Result<Self, Refused> {
        if elements(shape)? != self.len() {
            return Err(format!("an array of shape {:?} does not fit the shape {shape:?}", self.shape).into());
        }
        Ok(Self { shape: shape.to_vec(), ..self.clone() })
    }

    /// The array whose element at a place is that of this one at a place of its own, by strides from a first one.
    pub fn strided(&self, shape: &[usize], first: usize, strides: &[isize]) -> Result<Self, Refused> {
        let count = elements(shape)?;
        let mut numbers = Vec::with_capacity(count);
        let (mut place, mut at) = (vec![0usize; shape.len()], first as isize);
        for _ in 0..count {
            let number = usize::try_from(at).ok().and_then(|at| self.numbers.get(at));
            numbers.push(*number.ok_or("reads beyond the end of an array")?);
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                at += strides[axis];
                if place[axis] < shape[axis] {
                    break;
                }
                at -= strides[axis] * shape[axis] as isize;
                place[axis] = 0;
            }
        }
        Ok(Self::new(shape, self.kind, numbers))
    }

    /// From one element to the next along each axis.
    pub fn strides(&self) -> Vec<isize> {
        let mut strides = vec![1isize; self.shape.len()];
        for axis in (1..self.shape.len()).rev() {
            strides[axis - 1] = strides[axis] * self.shape[axis] as isize;
        }
        strides
    }

    /// The axes in another order.
    pub fn permuted(&self, order: &[usize]) -> Result<Self, Refused> {
        let strides = self.strides();
        let shape: Vec<usize> = order.iter().map(|&axis| self.shape[axis]).collect();
        let strides: Vec<isize> = order.iter().map(|&axis| strides[axis]).collect();
        self.strided(&shape, 0, &strides)
    }

    /// Stretched to a shape, as arrays are broadcast.
    pub fn broadcast(&self, shape: &[usize]) -> Result<Self, Refused> {
        let wrong = || Refused::from(format!("an array of shape {:?} cannot be stretched to {shape:?}", self.shape));
        let before = shape.len().checked_sub(self.shape.len()).ok_or_else(wrong)?;
        let mut strides = vec![0isize; before];
        for ((&own, stride), &wanted) in self.shape.iter().zip(self.strides()).zip(&shape[before..]) {
            match own {
                1 => strides.push(0),
                own if own == wanted => strides.push(stride),
                _ => return Err(wrong()),
            }
        }
        if shape == self.shape { Ok(self.clone()) } else { self.strided(shape, 0, &strides) }
    }

    /// Places of an axis, in the order in which they are named.
    pub fn taken(&self, axis: usize, places: &[usize]) -> Result<Self, Refused> {
        let mut shape = self.shape.clone();
        shape[axis] = places.len();
        let (count, side) = (elements(&shape)?, self.shape[axis]);
        let inner: usize = self.shape[axis + 1..].iter().product();
        let mut numbers = Vec::with_capacity(count);
        for block in self.numbers.chunks(side.max(1) * inner.max(1)) {
            for &place in places {
                let row = block.get(place * inner..(place + 1) * inner);
                numbers.extend_from_slice(row.ok_or("reads beyond the end of an axis")?);
            }
        }
        if numbers.len() != count {
            return Err("reads an axis of no elements".into());
        }
        Ok(Self::new(&shape, self.kind, numbers))
    }

    /// Arrays side by side along an axis.
    pub fn concat(arrays: &[&Constant], axis: usize) -> Result<Self, Refused> {
        let first = *arrays.first().ok_or("puts nothing side by side")?;
        let rest = |array: &Constant| [&array.shape[..axis], &array.shape[axis + 1..]].concat();
        if arrays.iter().any(|array| array.shape.len() != first.shape.len() || rest(array) != rest(first)) {
            return Err("arrays side by side have other shapes".into());
        }
        let mut shape = first.shape.clone();
        shape[axis] = arrays.iter().map(|array| array.shape[axis]).sum();
        let (count, outer): (usize, usize) = (elements(&shape)?, shape[..axis].iter().product());
        let mut numbers = Vec::with_capacity(count);
        for block in 0..outer {
            for array in arrays {
                let width = array.len() / outer;
                numbers.extend_from_slice(&array.numbers[block * width..(block + 1) * width]);
            }
        }
        Ok(Self::new(&shape, first.kind, numbers))
    }

    /// Each element through a function.
    pub fn map(&self, kind: Numbers, function: impl Fn(Number) -> Result<Number, Refused>) -> Result<Self, Refused> {
        let numbers = self.numbers.iter().map(|&number| function(number)).collect::<Result<_, _>>()?;
        Ok(Self::new(&self.shape, kind, numbers))
    }

    /// The sides that it holds.
    pub fn sides(&self) -> Result<Vec<usize>, Refused> {
        let side = |number: i64| usize::try_from(number).map_err(|_| Refused::from("a side is below 0"));
        self.wholes()?.into_iter().map(side).collect()
    }
}

/// The shape that shapes are stretched to together.
pub(super) fn common(shapes: &[&[usize]]) -> Result<Vec<usize>, Refused> {
    let axes = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut common = vec![1; axes];
    for shape in shapes {
        for (side, &own) in common.iter_mut().rev().zip(shape.iter().rev()) {
            match (*side, own) {
                (_, 1) => {}
                (1, own) => *side = own,
                (side, own) if side == own => {}
                _ => return Err(format!("the shapes {shapes:?} do not fit each other").into()),
            }
        }
    }
    Ok(common)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Constant {
        let count: usize = shape.iter().product();
        Constant::new(shape, Numbers::Whole, (0..count).map(|number| Number::from(number as f64)).collect())
    }

    fn values(array: Result<Constant, Refused>) -> (Vec<usize>, Vec<i64>) {
        let array = array.unwrap_or_else(|refused| panic!("{refused:?}"));
        (array.shape.clone(), array.wholes().unwrap_or_default())
    }

    #[test]
    fn arrays_are_rearranged_as_numpy_does() {
        let array = counted(&[2, 3]);
        assert_eq!(values(array.permuted(&[1, 0])), (vec![3, 2], vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(values(array.taken(1, &[2, 0])), (vec![2, 2], vec![2, 0, 5, 3]));
        assert_eq!(values(counted(&[2, 1]).broadcast(&[2, 2, 3])).1, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
        assert_eq!(
            values(Constant::concat(&[&array, &counted(&[2, 1])], 1)),
            (vec![2, 4], vec![0, 1, 2, 0, 3, 4, 5, 1])
        );
        assert!(array.broadcast(&[3, 3]).is_err() && array.taken(0, &[2]).is_err());
        assert!(counted(&[1]).broadcast(&[1 << 20, 1 << 20]).is_err());
    }
}
