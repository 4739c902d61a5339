//! The numbers that a shader reads beside its arrays.
//!
//! A shader's `Shape` begins with an offset for each of its arrays, in the order of their bindings, which a dispatch adds; what
//! follows is a struct here, of the same members in the same order. `tests/shaders.rs` holds the two against each other.

use crate::compute::Window;

/// The name and the WGSL type of a member.
pub type Member = (&'static str, &'static str);

/// Numbers of 32 bits, one after another.
pub trait Words: bytemuck::Pod {
    /// What WGSL calls them, where they are the member `name` of a struct.
    fn members(name: &'static str) -> Vec<Member>;

    /// The numbers as a dispatch takes them.
    fn words(&self) -> &[u32] {
        bytemuck::cast_slice(bytemuck::bytes_of(self))
    }
}

impl Words for u32 {
    fn members(name: &'static str) -> Vec<Member> {
        vec![(name, "u32")]
    }
}

impl Words for f32 {
    fn members(name: &'static str) -> Vec<Member> {
        vec![(name, "f32")]
    }
}

/// Declares the numbers of a shader, which are given by name and read in order.
macro_rules! numbers {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        $visibility struct $name { $($field: $type),* }

        impl $crate::compute::gpu::Words for $name {
            fn members(_: &'static str) -> Vec<$crate::compute::gpu::Member> {
                [$(<$type as $crate::compute::gpu::Words>::members(stringify!($field))),*].concat()
            }
        }
    };
}
pub(in crate::compute) use numbers;

numbers! {
    /// A window, and the sides of its output.
    pub(in crate::compute) struct WindowNumbers {
        channels: u32, height: u32, width: u32, kernel_height: u32, kernel_width: u32, stride_y: u32, stride_x: u32,
        padding_y: u32, padding_x: u32, dilation_y: u32, dilation_x: u32, out_height: u32, out_width: u32,
    }
}

impl WindowNumbers {
    pub fn new(window: &Window) -> Self {
        let ([kernel_height, kernel_width], [stride_y, stride_x]) = (window.kernel, window.stride);
        let ([padding_y, padding_x], [dilation_y, dilation_x]) = (window.padding, window.dilation);
        Self {
            channels: window.channels as u32,
            height: window.height as u32,
            width: window.width as u32,
            kernel_height: kernel_height as u32,
            kernel_width: kernel_width as u32,
            stride_y: stride_y as u32,
            stride_x: stride_x as u32,
            padding_y: padding_y as u32,
            padding_x: padding_x as u32,
            dilation_y: dilation_y as u32,
            dilation_x: dilation_x as u32,
            out_height: window.out_height() as u32,
            out_width: window.out_width() as u32,
        }
    }
}
