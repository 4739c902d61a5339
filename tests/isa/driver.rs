//! A Vulkan driver that compiles, and tells what it made.

use ash::vk;
use std::ffi::{CStr, c_char};
use std::path::PathBuf;

/// The list of RADV's library for the Vulkan loader, where it is installed.
pub fn file() -> Option<PathBuf> {
    let entries = std::fs::read_dir("/usr/share/vulkan/icd.d").ok()?;
    let is_radv =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("radeon_icd"));
    entries.flatten().map(|entry| entry.path()).find(is_radv)
}

/// What a driver tells of a pipeline.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Vector registers.
    pub registers: u64,
    /// Registers that did not fit.
    pub spills: u64,
    /// Waves on a SIMD at once.
    pub waves: u64,
    /// Bytes.
    pub code: u64,
}

/// An open device. It lasts as long as the process.
pub struct Driver {
    /// The device's name.
    pub name: String,
    device: ash::Device,
    executables: ash::khr::pipeline_executable_properties::Device,
    _entry: ash::Entry,
}

impl Driver {
    /// Opens the first device.
    pub fn open() -> Self {
        let app = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let create = vk::InstanceCreateInfo::default().application_info(&app);
        let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&[1.0])];
        let extensions = [ash::khr::pipeline_executable_properties::NAME.as_ptr()];
        let mut told =
            vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
        let mut memory = vk::PhysicalDeviceVulkanMemoryModelFeatures::default().vulkan_memory_model(true);
        let info = vk::DeviceCreateInfo::default()
            .queue_create_infos(&queues)
            .enabled_extension_names(&extensions)
            .push_next(&mut told)
            .push_next(&mut memory);
        // SAFETY: all handles are this function's own, and live as long as the process.
        unsafe {
            let entry = ash::Entry::load().expect("a Vulkan loader");
            let instance = entry.create_instance(&create, None).expect("an instance");
            let physical = instance.enumerate_physical_devices().expect("devices")[0];
            let name = text(&instance.get_physical_device_properties(physical).device_name);
            let device = instance.create_device(physical, &info, None).expect("a device");
            let executables = ash::khr::pipeline_executable_properties::Device::new(&instance, &device);
            Self { name, device, executables, _entry: entry }
        }
    }

    /// Compiles a compute shader with these bindings, `(group, binding, whether it is uniform)`: what it takes, and its assembly.
    pub fn compile(&self, words: &[u32], bindings: &[(u32, u32, bool)]) -> (Statistics, String) {
        let layouts: Vec<_> = (0..2).map(|group| self.layout(bindings, group)).collect();
        let layout = vk::PipelineLayoutCreateInfo::default().set_layouts(&layouts);
        let module = vk::ShaderModuleCreateInfo::default().code(words);
        let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
            | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
        // SAFETY: the words are a valid module, all handles are of this device, and the pipeline was made to be told of.
        unsafe {
            let layout = self.device.create_pipeline_layout(&layout, None).expect("a layout");
            let module = self.device.create_shader_module(&module, None).expect("a module");
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(c"main");
            let create = [vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout).flags(flags)];
            let made = self.device.create_compute_pipelines(vk::PipelineCache::null(), &create, None);
            let pipeline = made.expect("a pipeline")[0];
            let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            let told = (self.statistics(&info), self.assembly(&info));
            self.device.destroy_pipeline(pipeline, None);
            self.device.destroy_shader_module(module, None);
            told
        }
    }

    fn layout(&self, bindings: &[(u32, u32, bool)], group: u32) -> vk::DescriptorSetLayout {
        let own = bindings.iter().filter(|(of, ..)| *of == group).map(|&(_, binding, uniform)| {
            let kind = if uniform { vk::DescriptorType::UNIFORM_BUFFER } else { vk::DescriptorType::STORAGE_BUFFER };
            vk::DescriptorSetLayoutBinding::default()
                .binding(binding)
                .descriptor_type(kind)
                .descriptor_count(1)
                .stage_flags(vk::ShaderStageFlags::COMPUTE)
        });
        let own: Vec<_> = own.collect();
        let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(&own);
        // SAFETY: the device is open.
        unsafe { self.device.create_descriptor_set_layout(&create, None).expect("a layout") }
    }

    /// # Safety
    ///
    /// The pipeline is this device's, and captures statistics.
    unsafe fn statistics(&self, info: &vk::PipelineExecutableInfoKHR<'_>) -> Statistics {
        // SAFETY: as above; RADV's numbers here are all unsigned.
        let of = unsafe { self.executables.get_pipeline_executable_statistics(info).expect("statistics") };
        let mut found = Statistics::default();
        for statistic in of {
            // SAFETY: as above.
            let value = unsafe { statistic.value.u64 };
            match text(&statistic.name).as_str() {
                "VGPRs" => found.registers = value,
                "Spilled SGPRs" | "Spilled VGPRs" | "Scratch size" => found.spills += value,
                "Subgroups per SIMD" => found.waves = value,
                "Code size" => found.code = value,
                _ => {}
            }
        }
        assert!(found.waves > 0 && found.code > 0, "the driver tells nothing");
        found
    }

    /// # Safety
    ///
    /// The pipeline is this device's, and captures representations.
    unsafe fn assembly(&self, info: &vk::PipelineExecutableInfoKHR<'_>) -> String {
        // SAFETY: as above; each text is as long as the driver said.
        unsafe {
            let mut of =
                self.executables.get_pipeline_executable_internal_representations(info).expect("representations");
            let mut texts: Vec<Vec<u8>> = of.iter().map(|one| vec![0; one.data_size]).collect();
            of.iter_mut().zip(&mut texts).for_each(|(one, text)| one.p_data = text.as_mut_ptr().cast());
            let mut count = of.len() as u32;
            let again = self.executables.fp().get_pipeline_executable_internal_representations_khr;
            let result = again(self.device.handle(), info, &mut count, of.as_mut_ptr());
            assert_eq!(result, vk::Result::SUCCESS);
            let assembly = of.iter().position(|one| text(&one.name).contains("Assembly")).expect("assembly");
            String::from_utf8_lossy(&texts[assembly]).into_owned()
        }
    }
}

/// A driver's text.
fn text(name: &[c_char]) -> String {
    // SAFETY: drivers end their names with a zero.
    unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned()
}
