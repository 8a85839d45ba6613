// The list of past jobs as a file: CSV for spreadsheets, JSON for programs.
Ext.define('PRS.HistoryExport', {
    singleton: true,

    // [name, value of a job]; English like all that programs read, times in UTC.
    fields: [
        ['job', (job) => job.id],
        ['created', (job) => PRS.HistoryExport.time(job.created)],
        ['started', (job) => PRS.HistoryExport.time(job.started)],
        ['ended', (job) => PRS.HistoryExport.time(job.ended)],
        ['user', (job) => job.user],
        ['origin', (job) => job.origin],
        ['host', (job) => job.host],
        ['kind', (job) => job.kind],
        ['node', (job) => job.node],
        ['method', (job) => job.method],
        ['state', (job) => job.state],
        ['migrations', (job) => job.progress.steps],
        ['done', (job) => job.progress.done],
        ['failed', (job) => job.progress.failed],
        ['bytes', (job) => job.progress.done_bytes],
        ['summary', (job) => job.summary],
        ['message', (job) => job.message],
        ['failures', (job) => job.failures.map((one) => `${one.vmid}: ${one.message}`).join('; ')],
    ],

    time: (seconds) => (seconds ? new Date(seconds * 1000).toISOString() : ''),

    // Spreadsheets take a text that begins like a formula for one; an apostrophe in front keeps it a text.
    cell: function (value) {
        let text = String(value);
        if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) {
            text = `'${text}`;
        }
        return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    },

    csv: function (jobs) {
        let head = this.fields.map(([name]) => name);
        let lines = jobs.map((job) => this.fields.map(([, value]) => this.cell(value(job))));
        return [head, ...lines].map((line) => `${line.join(',')}\r\n`).join('');
    },

    json: function (jobs) {
        let one = (job) => this.fields.map(([name, value]) => [name, value(job)]);
        let rows = jobs.map((job) => Object.fromEntries(one(job)));
        return `${JSON.stringify(rows, null, 2)}\n`;
    },

    // `form` is csv or json.
    save: function (jobs, form) {
        let type = { csv: 'text/csv;charset=utf-8', json: 'application/json' }[form];
        let link = document.createElement('a');
        link.href = URL.createObjectURL(new Blob([this[form](jobs)], { type: type }));
        link.download = `rebalancing-history.${form}`;
        link.click();
        URL.revokeObjectURL(link.href);
    },
});
