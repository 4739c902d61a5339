//! Which part of a run a process does: `--shard i/N`, or what a scheduler says.

use crate::run::Part;
use anyhow::{Context, bail};

/// Where a variable of the environment comes from.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the option's value.
pub fn shard(text: &str) -> anyhow::Result<Part> {
    if text == "auto" {
        return by_scheduler(&|name| std::env::var(name).ok());
    }
    let wrong = || format!("--shard {text}: must be i/N, such as 0/4, or auto");
    let (index, count) = text.split_once('/').with_context(wrong)?;
    let (index, count): (usize, usize) = (index.parse().with_context(wrong)?, count.parse().with_context(wrong)?);
    if count == 0 {
        bail!("--shard {text}: there must be one shard or more");
    }
    if index >= count {
        bail!("--shard {text}: shards count from 0: those of {count} are 0/{count} to {}/{count}", count - 1);
    }
    Ok(Part::Shard { index, count })
}

/// A process's number among a job's, as one of these says it: number and how many. Slurm gives the second of its pair only
/// to the tasks that `srun` starts.
const RANKS: [[&str; 2]; 3] = [
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"],
    ["PMI_RANK", "PMI_SIZE"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"],
];

/// The tasks of a Slurm array, and in each the processes that MPI or `srun` starts.
fn by_scheduler(variables: Variables<'_>) -> anyhow::Result<Part> {
    let rank =
        RANKS.into_iter().map(|[rank, size]| pair(variables, rank, size)).find_map(Result::transpose).transpose()?;
    let task = array(variables)?;
    if rank.is_none() && task.is_none() {
        bail!(
            "--shard auto: found no task of a Slurm array or step, and no rank of Open MPI or PMI, in the environment; \
             give --shard i/N"
        );
    }
    let ((rank, ranks), (task, tasks)) = (rank.unwrap_or((0, 1)), task.unwrap_or((0, 1)));
    Ok(Part::Shard { index: task * ranks + rank, count: tasks * ranks })
}

/// A number below another, where both are given.
fn pair(variables: Variables<'_>, index: &str, count: &str) -> anyhow::Result<Option<(usize, usize)>> {
    let (Some(index), Some(count)) = (number(variables, index)?, number(variables, count)?) else { return Ok(None) };
    if index >= count {
        bail!("--shard auto: the environment names process {index} of {count}");
    }
    Ok(Some((index, count)))
}

/// The task of a Slurm array: its place among numbers from `MIN` on, `STEP` apart.
fn array(variables: Variables<'_>) -> anyhow::Result<Option<(usize, usize)>> {
    let (Some(id), Some(count)) =
        (number(variables, "SLURM_ARRAY_TASK_ID")?, number(variables, "SLURM_ARRAY_TASK_COUNT")?)
    else {
        return Ok(None);
    };
    let first = number(variables, "SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
    let step = number(variables, "SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
    let place = id.checked_sub(first).filter(|rest| rest % step == 0).map(|rest| rest / step);
    match place.filter(|place| *place < count) {
        Some(place) => Ok(Some((place, count))),
        None => {
            bail!("--shard auto: the tasks of the Slurm array must be evenly numbered, such as --array=0-{}", count - 1)
        }
    }
}

fn number(variables: Variables<'_>, name: &str) -> anyhow::Result<Option<usize>> {
    let Some(text) = variables(name) else { return Ok(None) };
    text.trim().parse().map(Some).with_context(|| format!("--shard auto: {name} is {text:?}, not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> anyhow::Result<Part> {
        by_scheduler(&|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    fn part(index: usize, count: usize) -> Part {
        Part::Shard { index, count }
    }

    #[test]
    fn shards_count_from_0() {
        assert_eq!(shard("0/2").unwrap(), part(0, 2));
        assert_eq!(shard("1/2").unwrap(), part(1, 2));
        for text in ["", "1", "2/2", "3/2", "0/0", "a/2", "-1/2", "0/2/3"] {
            assert!(shard(text).unwrap_err().to_string().contains("--shard"), "{text}");
        }
    }

    #[test]
    fn schedulers_are_understood() {
        let mpi = ("OMPI_COMM_WORLD_RANK", "1");
        assert_eq!(found(&[mpi, ("OMPI_COMM_WORLD_SIZE", "4")]).unwrap(), part(1, 4));
        assert_eq!(found(&[("PMI_RANK", "0"), ("PMI_SIZE", "3")]).unwrap(), part(0, 3));
        let array = [("SLURM_ARRAY_TASK_ID", "5"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "3")];
        let step = ("SLURM_ARRAY_TASK_STEP", "2");
        assert_eq!(found(&[&array[..], &[step]].concat()).unwrap(), part(2, 3));
        // A batch script has a process number without a step.
        let batch = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "8")];
        assert_eq!(found(&[&array[..], &[step], &batch[..]].concat()).unwrap(), part(2, 3));
        let tasks = [("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2")];
        assert_eq!(found(&tasks).unwrap(), part(1, 2));
        assert_eq!(found(&[&array[..], &[step], &tasks[..]].concat()).unwrap(), part(5, 6));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(found(&[]).unwrap_err().to_string().contains("Slurm"));
        assert!(found(&[("PMI_RANK", "x"), ("PMI_SIZE", "2")]).unwrap_err().to_string().contains("PMI_RANK"));
        assert!(found(&[("PMI_RANK", "2"), ("PMI_SIZE", "2")]).is_err());
        let uneven = [("SLURM_ARRAY_TASK_ID", "9"), ("SLURM_ARRAY_TASK_COUNT", "2")];
        assert!(found(&uneven).unwrap_err().to_string().contains("evenly"));
    }
}
