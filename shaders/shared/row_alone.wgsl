// A row is one invocation's: it goes through all of it, and its sums are whole.
const LANES: u32 = 1u;
fn row_number(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 { return place(group, groups, local); }
fn lane(local: u32) -> u32 { return 0u; }
fn row_sum(local: u32, value: f32) -> f32 { return value; }
