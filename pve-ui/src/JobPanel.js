// One job: overall bar, one bar per migration, pause and cancel. Fires `changed` when a button did something, `back` with a new job.
Ext.define('PRS.JobPanel', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsJobPanel',

    border: false,
    closable: false,
    layout: { type: 'vbox', align: 'stretch' },

    initComponent: function () {
        let me = this;
        me.items = [
            {
                xtype: 'toolbar',
                overflowHandler: 'scroller',
                items: [
                    {
                        xtype: 'component',
                        itemId: 'headline',
                        flex: 1,
                        minWidth: 200,
                        ariaRole: 'status',
                        autoEl: { tag: 'div', 'aria-live': 'polite' },
                    },
                    {
                        itemId: 'pause',
                        text: gettext('Pause'),
                        iconCls: 'fa fa-fw fa-pause',
                        handler: () => me.act((job) => PRS.Jobs.act(job, 'pause')),
                    },
                    {
                        itemId: 'resume',
                        text: gettext('Resume'),
                        iconCls: 'fa fa-fw fa-play',
                        handler: () => me.act((job) => PRS.Jobs.act(job, 'resume')),
                    },
                    {
                        itemId: 'cancel',
                        text: gettext('Cancel'),
                        iconCls: 'fa fa-fw fa-stop',
                        handler: () => me.act((job) => PRS.Jobs.cancel(job)),
                    },
                    {
                        itemId: 'undo',
                        text: gettext('Bring guests back'),
                        iconCls: 'fa fa-fw fa-undo',
                        handler: () => me.act((job) => me.bringBack(job)),
                    },
                    {
                        itemId: 'dismiss',
                        iconCls: 'fa fa-fw fa-times',
                        ariaLabel: gettext('Close'),
                        tooltip: gettext('Close'),
                        handler: () => me.fireEvent('dismissed', me, me.job),
                    },
                ],
            },
            {
                xtype: 'progressbar',
                itemId: 'total',
                margin: '0 10 5 10',
                animate: false,
            },
            { xtype: 'prsStepsGrid', itemId: 'steps', maxHeight: me.stepsHeight || 240 },
        ];
        me.callParent();
    },

    bringBack: async function (job) {
        let me = this;
        let next = await PRS.Jobs.bringBack(job, (text) => me.setLoading(`${text}...`));
        if (next) {
            me.fireEvent('back', me, next);
        }
    },

    // Runs what a button asks for, one at a time, and shows what went wrong.
    act: async function (action) {
        let me = this;
        if (me.acting) {
            return;
        }
        me.acting = true;
        try {
            let job = await action(me.job);
            if (job && !me.destroyed) {
                me.fill(job, me.empty);
                me.fireEvent('changed', me, job);
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
        me.acting = false;
        if (!me.destroyed) {
            me.setLoading(false);
        }
    },

    // `empty`: the cluster was seen without guests on the drained node; undefined = not looked yet.
    fill: function (job, empty) {
        let me = this;
        me.job = job;
        me.empty = empty;
        let ended = !PRS.Jobs.open(job);
        me.down('#headline').setHtml(ended ? me.result(job, empty) : me.headline(job));
        let gate = function (name, shown) {
            let button = me.down(`#${name}`);
            button.setHidden(!shown);
            PRS.Format.gate(button, job.may[name]);
        };
        gate('pause', !ended && job.state !== 'paused' && !(job.state === 'cancelling'));
        gate('resume', job.state === 'paused');
        gate('cancel', !ended);
        gate('undo', ended && job.kind === 'drain');
        me.down('#dismiss').setHidden(!ended || !me.dismissable);
        let { done_bytes, total_bytes, done, steps } = job.progress;
        let share = total_bytes ? done_bytes / total_bytes : steps ? done / steps : 1;
        let bar = me.down('#total');
        bar.setHidden(ended);
        bar.updateProgress(share, PRS.Format.percent(share), false);
        me.down('#steps').fill(job);
    },

    facts: function (job) {
        let { done, steps, done_bytes, total_bytes } = job.progress;
        let copied = Ext.String.format(
            gettext('{0} of {1}'),
            PRS.Format.size(done_bytes),
            PRS.Format.size(total_bytes),
        );
        return [Ext.String.format(gettext('{0} of {1} done'), done, steps), copied];
    },

    headline: function (job) {
        let { progress } = job;
        let started = gettext('started by {0} on {1} at {2}');
        let at = PRS.Format.when(job.started || job.created);
        let parts = [
            PRS.Jobs.what(job, job.plan.method),
            Ext.String.format(started, job.user, job.host, at),
            ...this.facts(job),
        ];
        if (job.state !== 'running') {
            parts.splice(1, 0, PRS.Jobs.states()[job.state][0]);
        }
        if (progress.failed) {
            parts.push(Ext.String.format(gettext('{0} failed'), progress.failed));
        }
        if (progress.seconds_left !== null && job.state === 'running') {
            let left = PRS.Format.clock(progress.seconds_left);
            parts.push(Ext.String.format(gettext('about {0} left'), left));
        }
        if (job.message) {
            parts.push(job.message);
        }
        let look = job.state === 'paused' ? 'warning' : 'busy';
        return PRS.Format[look](parts.join(', '));
    },

    // Green only when it was seen: a drain whose node still shows guests is not done, whatever its tasks said.
    result: function (job, empty) {
        let parts = [PRS.Jobs.what(job, job.plan.method), PRS.Jobs.states()[job.state][0]];
        let look = PRS.Jobs.states()[job.state][1];
        if (job.kind === 'drain' && empty) {
            parts = [Ext.String.format(gettext('{0} is empty'), job.node)];
            look = 'good';
        } else if (job.kind === 'drain' && job.state === 'done') {
            parts = [Ext.String.format(gettext('{0} still shows guests'), job.node)];
            look = empty === undefined ? 'busy' : 'warning';
        }
        parts.push(...this.facts(job));
        if (job.started) {
            let took = PRS.Format.clock(job.ended - job.started);
            parts.push(Ext.String.format(gettext('took {0}'), took));
        }
        if (job.progress.failed) {
            parts.push(Ext.String.format(gettext('{0} failed'), job.progress.failed));
        }
        if (job.message.startsWith(parts[0])) {
            parts[0] = job.message;
        } else if (job.message) {
            parts.push(job.message);
        }
        return PRS.Format[look](parts.join(', '));
    },
});
