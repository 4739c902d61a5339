//! Rows brought together.

use super::*;

/// `out[r, ..] = x[rows[r], ..]`. Fails where a row lies beyond x.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    /// Elements of a row.
    pub width: usize,
}

impl Operation for Gather {
    const NAME: &'static str = "gather";
    const ROUNDINGS: f64 = 0.0;

    type Arrays<'a, T: 'a, I: 'a> = (SliceMut<'a, T>, Slice<'a, T>, &'a I);

    fn check<T, I: Indices>(&self, (out, x, rows): &Self::Arrays<'_, T, I>) -> Result<()> {
        let rows = rows.values();
        fit(Self::NAME, &[(out.len, rows.len() * self.width)])?;
        let end = rows.iter().max().map_or(0, |&row| row as usize + 1);
        require(Self::NAME, end * self.width <= x.len, "a row lies beyond the array")
    }

    fn cpu<E: Element>(
        &self,
        _: &CpuBackend<E>,
        (out, x, rows): Self::Arrays<'_, cpu::Buffer<E>, Vec<u32>>,
    ) -> Result<()> {
        let (out, x, width) = (view_mut(out)?, view(x)?, self.width);
        let least = CHUNK.div_ceil(width.max(1));
        let rows = out.par_chunks_mut(width.max(1)).zip(rows).with_min_len(least);
        rows.for_each(|(out, &row)| out.copy_from_slice(&x[row as usize * width..][..width]));
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn gpu(&self, gpu: &GpuBackend, (out, x, rows): Self::Arrays<'_, gpu::Buffer, gpu::Index>) -> Result<()> {
        let width = self.width;
        for cut in gpu.cuts(&[BlockArray::rows(read(x), width)], x.len / width.max(1)) {
            let x = BlockArray::shared(read(x.part(cut.start * width, cut.len() * width)));
            let arrays = [BlockArray::rows(write(&out), width), x, BlockArray::rows(GpuBackend::indices(rows), 1)];
            gpu.by_rows(Self::NAME, &arrays, rows.values().len(), width, &|block| Numbers {
                len: (block.len() * width) as u32,
                width: width as u32,
                first: cut.start as u32,
                count: cut.len() as u32,
            })?;
        }
        Ok(())
    }

    #[cfg(feature = "gpu")]
    fn shaders() -> Vec<Shader> {
        vec![Shader::new::<Numbers>(Self::NAME, &[INDEX, include_str!("../../../shaders/op/gather.wgsl")])]
    }

    fn trial<B: Backend>(trial: &mut Trial<'_, B>) -> Result<()> {
        let backend = trial.backend;
        let (width, base) = (3, 101);
        let rows = trial.rows(width);
        let (x, mut out) = (trial.numbers(base * width)?, backend.zeros(rows * width)?);
        let index = backend.index(&(0..rows).map(|row| (row * 37 % base) as u32).collect::<Vec<_>>())?;
        trial.run(|| {
            backend.run(&Gather { width }, (front_mut(&mut out, rows * width), front(&x, base * width), &index))
        })?;
        trial.wrote(&out, rows * width)
    }
}

#[cfg(feature = "gpu")]
numbers! {
    struct Numbers { len: u32, width: u32, first: u32, count: u32 }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn as_plain_loops() {
        let (x, rows) = (numbers(1, 5 * 3), vec![4, 0, 4, 2]);
        let got = written(&[0.0; 12], |cpu, out| cpu.run(&Gather { width: 3 }, (out, held(&x).all(), &rows)));
        close(&got, |e| x[rows[e / 3] as usize * 3 + e % 3]);
    }

    #[test]
    fn a_row_beyond_the_array_is_refused() {
        let (x, mut out) = (held(&[0.0; 6]), held(&[0.0; 3]));
        let mut run = |row| CpuBackend::new().run(&Gather { width: 3 }, (out.all_mut(), x.all(), &vec![row])).is_ok();
        assert!(run(1) && !run(2));
    }
}
