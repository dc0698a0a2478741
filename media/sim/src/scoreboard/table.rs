//! The table: written, read again, and compared.

use super::Run;

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The profile.
    pub name: String,
    /// In percent.
    pub utilisation: f64,
    /// In seconds.
    pub to_best: f64,
    /// In a minute.
    pub switches: f64,
    /// In seconds.
    pub freeze: f64,
    /// In milliseconds.
    pub queue: f64,
    /// In percent.
    pub audio_loss: f64,
}

/// By how much each figure may be worse than the committed one, in the units of the table.
const TOLERANCE: [f64; 6] = [4.0, 1.5, 2.0, 0.3, 20.0, 0.3];

const HEAD: &str = "# Links as people have them

What receivers of four cameras of 1.5 Mb/s (VP8, three encodings of three temporal layers) and four voices get over one link, in the
simulation. Made by `make scoreboard`, compared by `cargo test` (a figure that is worse than here by more than a tolerance fails).
Each row is two runs of 65 s over a queue of 500 ms: means, and the longest of time to best, freeze and queue.

- **Used**: pictures and sounds that arrived, of what the link carried or was sent, whichever is less, after the first eight seconds. Beside
  a download, of half the link.
- **To best**: from the join, or the moment at which the link carried twice as much as before, until four fifths of it were used.
- **Switches**: changes of resolution of a camera in a minute. **Freeze**: the longest without a new picture of any camera.
- **Queue**: what 95 of 100 packets waited less than. **Audio**: sounds that were lost.

";

impl Row {
    /// The line of a profile's runs.
    pub(super) fn of(name: &str, runs: &[Run]) -> Self {
        let mean = |of: fn(&Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        let worst = |of: fn(&Run) -> f64| runs.iter().map(of).fold(0.0, f64::max);
        Self {
            name: name.to_owned(),
            utilisation: mean(|run| run.utilisation * 100.0),
            to_best: worst(|run| run.to_best.as_secs_f64()),
            switches: mean(|run| run.switches_per_minute),
            freeze: worst(|run| run.freeze_max.as_secs_f64()),
            queue: worst(|run| run.queue_p95.as_secs_f64() * 1e3),
            audio_loss: mean(|run| run.audio_loss * 100.0),
        }
    }

    fn figures(&self) -> [f64; 6] {
        [self.utilisation, self.to_best, self.switches, self.freeze, self.queue, self.audio_loss]
    }

    /// What of this line is worse than in `before`, by more than the tolerance.
    pub fn worse_than(&self, before: &Self) -> Option<String> {
        let names = ["Used", "To best", "Switches", "Freeze", "Queue", "Audio"];
        let pairs = self.figures().into_iter().zip(before.figures()).zip(TOLERANCE).enumerate();
        let worse = pairs.filter(|(column, ((now, before), tolerance))| {
            let more = if *column == 0 { before - now } else { now - before };
            more > *tolerance
        });
        let told = worse.map(|(column, ((now, before), _))| format!("{} {before:.1} → {now:.1}", names[column]));
        let told: Vec<_> = told.collect();
        (!told.is_empty()).then(|| format!("{}: {}", self.name, told.join(", ")))
    }
}

/// The table as Markdown.
pub fn write(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    text += "| Link | Used | To best | Switches | Freeze | Queue | Audio |\n|---|---|---|---|---|---|---|\n";
    for row in rows {
        let [used, to_best, switches, freeze, queue, audio] = row.figures();
        text += &format!(
            "| {} | {used:.0} % | {to_best:.1} s | {switches:.1} | {freeze:.2} s | {queue:.0} ms | {audio:.2} % |\n",
            row.name
        );
    }
    text
}

/// Reads what [`write`] wrote.
pub fn read(text: &str) -> Vec<Row> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Link"));
    rows.filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let name = cells.next()?.to_owned();
        let mut figure = || cells.next()?.split_whitespace().next()?.parse::<f64>().ok();
        let (utilisation, to_best, switches) = (figure()?, figure()?, figure()?);
        let (freeze, queue, audio_loss) = (figure()?, figure()?, figure()?);
        Some(Row { name, utilisation, to_best, switches, freeze, queue, audio_loss })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written_and_what_is_worse_is_named() {
        let row = |name: &str, utilisation, queue| Row {
            name: name.into(),
            utilisation,
            to_best: 3.5,
            switches: 0.5,
            freeze: 0.25,
            queue,
            audio_loss: 0.12,
        };
        let rows = [row("steady 1 Mb/s", 88.0, 60.0), row("2 % loss", 80.0, 10.0)];
        let read = read(&write(&rows));
        assert_eq!(read, rows);
        assert_eq!(row("a", 90.0, 40.0).worse_than(&rows[0]), None);
        let worse = row("a", 83.0, 81.0).worse_than(&rows[0]).unwrap();
        assert_eq!(worse, "a: Used 88.0 → 83.0, Queue 60.0 → 81.0");
    }
}
