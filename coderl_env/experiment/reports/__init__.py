"""Reports of sweeps, runs and evaluated predictions: one content, written as Markdown and as a page of HTML."""
