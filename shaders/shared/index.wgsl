// The place of an invocation in a one-dimensional problem that is spread over a grid of 256-wide workgroups.
fn place(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
    return (group.y * groups.x + group.x) * 256u + local;
}
