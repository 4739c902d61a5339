//! The pipelines, built when they are first used.

use super::context::Bound;
use super::shaders::{Constants, Shader, shader_sources};
use super::tiles::TileSize;
use crate::compute::{BackendError, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use wgpu::*;

/// A shader, and what it is built for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::compute) struct Key {
    pub name: &'static str,
    /// The size of its tiles, where it computes a product.
    pub tile: Option<TileSize>,
    /// One of its cases.
    pub case: Constants,
}

impl Key {
    /// A shader of one case and no tiles.
    pub fn plain(name: &'static str) -> Self {
        Self { name, tile: None, case: Vec::new() }
    }

    /// A shader of one case, with tiles.
    pub fn tiled(name: &'static str, tile: TileSize) -> Self {
        Self { tile: Some(tile), ..Self::plain(name) }
    }
}

#[derive(Clone)]
pub(super) struct Pipeline {
    pub pipeline: ComputePipeline,
    pub layout: BindGroupLayout,
}

/// The pipelines of a device.
pub(super) struct Pipelines {
    sources: HashMap<(&'static str, Option<TileSize>), Shader>,
    built: RefCell<HashMap<Key, Pipeline>>,
    uniform_layout: BindGroupLayout,
    checks: ShaderRuntimeChecks,
}

impl Pipelines {
    pub fn new(uniform_layout: BindGroupLayout, checked: bool) -> Self {
        let sources = shader_sources().into_iter().map(|shader| ((shader.name, shader.tile), shader)).collect();
        let checks = if checked { ShaderRuntimeChecks::checked() } else { ShaderRuntimeChecks::unchecked() };
        Self { sources, built: RefCell::default(), uniform_layout, checks }
    }

    /// The pipeline of a shader, where it was built before.
    pub fn built(&self, key: &Key) -> Option<Pipeline> {
        self.built.borrow().get(key).cloned()
    }

    /// Keeps a pipeline for the next time.
    pub fn keep(&self, key: Key, pipeline: Pipeline) {
        self.built.borrow_mut().insert(key, pipeline);
    }

    /// Builds the pipeline of a shader that sees these arrays.
    pub fn build(&self, device: &Device, key: &Key, arrays: &[Bound<'_>]) -> Result<Pipeline> {
        let &Key { name, tile, ref case } = key;
        let shader =
            self.sources.get(&(name, tile)).ok_or_else(|| BackendError::Invalid(format!("no shader {name}")))?;
        let descriptor =
            ShaderModuleDescriptor { label: Some(name), source: ShaderSource::Wgsl(shader.source.as_str().into()) };
        // SAFETY: the shaders are our own; their loops end, and every index is bounded by the shapes that the operations
        // check before a dispatch.
        let module = unsafe { device.create_shader_module_trusted(descriptor, self.checks) };
        let entries: Vec<BindGroupLayoutEntry> = arrays
            .iter()
            .enumerate()
            .map(|(binding, array)| {
                entry(binding as u32, BufferBindingType::Storage { read_only: !array.written }, false)
            })
            .collect();
        let layout =
            device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &[Some(&layout), Some(&self.uniform_layout)],
            immediate_size: 0,
        });
        let tile = tile.map_or_else(Vec::new, |tile| tile.constants().to_vec());
        let constants: Vec<(&str, f64)> =
            tile.iter().chain(case).map(|&(name, value)| (name, f64::from(value))).collect();
        let compilation_options =
            PipelineCompilationOptions { constants: &constants, zero_initialize_workgroup_memory: false };
        let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options,
            cache: None,
        });
        Ok(Pipeline { pipeline, layout })
    }
}

/// How a dispatch's numbers are bound.
pub(super) fn uniform_layout(device: &Device) -> BindGroupLayout {
    device.create_bind_group_layout(&BindGroupLayoutDescriptor {
        label: None,
        entries: &[entry(0, BufferBindingType::Uniform, true)],
    })
}

fn entry(binding: u32, kind: BufferBindingType, dynamic: bool) -> BindGroupLayoutEntry {
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer { ty: kind, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    }
}
