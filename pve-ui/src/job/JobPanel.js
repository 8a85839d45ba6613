// One job: overall bar, one bar per migration, pause and cancel. Fires `changed` when a button did something, `back` with a new job.
Ext.define('PRS.JobPanel', {
    extend: 'Ext.panel.Panel',
    xtype: 'prsJobPanel',

    // Pixels that the list of migrations may take, see PRS.Snug.
    snug: 240,
    dismissable: false,

    border: false,
    plugins: [{ ptype: 'prsaccessible' }],
    layout: { type: 'vbox', align: 'stretch' },

    controller: {
        xclass: 'Ext.app.ViewController',

        onPause: function () {
            this.act((job) => PRS.Jobs.act(job, 'pause'));
        },

        onResume: function () {
            this.act((job) => PRS.Jobs.act(job, 'resume'));
        },

        onCancel: function () {
            this.act((job) => PRS.Jobs.cancel(job));
        },

        onUndo: function () {
            this.act((job) => this.endDrain(job));
        },

        onDismiss: function () {
            let view = this.getView();
            view.fireEvent('dismissed', view, view.job);
        },

        // A node that was released since is no longer drained; its guests can still be brought back.
        endDrain: async function (job) {
            let view = this.getView();
            let busy = (text) => view.setLoading(`${text}...`);
            let { nodes } = await PRS.Api.get('/cluster');
            let node = nodes.find((one) => one.name === job.node);
            let next =
                node && node.held
                    ? await PRS.Jobs.endDrain(node, busy)
                    : await PRS.Jobs.bringBack(job, busy);
            if (next) {
                view.fireEvent('back', view, next);
            } else {
                view.fireEvent('changed', view, job);
            }
        },

        // Runs what a button asks for, one at a time, and shows what went wrong.
        act: async function (action) {
            let me = this;
            let view = me.getView();
            if (me.acting) {
                return;
            }
            me.acting = true;
            try {
                let job = await action(view.job);
                if (job && !view.destroyed) {
                    view.fill(job, view.seen);
                    view.fireEvent('changed', view, job);
                }
            } catch (err) {
                PRS.Api.alert(err);
            }
            me.acting = false;
            if (!view.destroyed) {
                view.setLoading(false);
            }
        },
    },

    items: [
        {
            xtype: 'toolbar',
            border: false,
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
                    handler: 'onPause',
                },
                {
                    itemId: 'resume',
                    text: gettext('Resume'),
                    iconCls: 'fa fa-fw fa-play',
                    handler: 'onResume',
                },
                {
                    itemId: 'cancel',
                    text: gettext('Cancel'),
                    iconCls: 'fa fa-fw fa-stop',
                    handler: 'onCancel',
                },
                {
                    itemId: 'undo',
                    text: gettext('End drain'),
                    iconCls: 'fa fa-fw fa-undo',
                    handler: 'onUndo',
                },
                {
                    itemId: 'dismiss',
                    iconCls: 'fa fa-fw fa-times',
                    ariaLabel: gettext('Close'),
                    tooltip: gettext('Close'),
                    handler: 'onDismiss',
                },
            ],
        },
        {
            xtype: 'progressbar',
            itemId: 'total',
            margin: '0 10 5 10',
            animate: false,
            listeners: {
                afterrender: (bar) => bar.el.set({ 'aria-label': gettext('Progress') }),
            },
        },
        {
            xtype: 'prsStepsGrid',
            itemId: 'steps',
            plugins: [{ ptype: 'prssnug' }, { ptype: 'prsaccessible' }],
        },
    ],

    // `seen`: what PRS.Loads.drained tells of the node of a drain that has ended; undefined = not looked yet.
    fill: function (job, seen) {
        let me = this;
        me.job = job;
        me.seen = seen;
        Ext.suspendLayouts();
        try {
            me.draw(job, seen);
        } finally {
            Ext.resumeLayouts(true);
        }
    },

    draw: function (job, seen) {
        let me = this;
        let ended = !PRS.Jobs.open(job);
        let words = ended ? PRS.JobWords.result(job, seen) : PRS.JobWords.headline(job);
        PRS.Format.html(me.down('#headline'), words);
        let gate = function (name, shown) {
            let button = me.down(`#${name}`);
            button.setHidden(!shown);
            PRS.Format.gate(button, job.may[name]);
        };
        gate('pause', !ended && !['paused', 'cancelling'].includes(job.state));
        gate('resume', job.state === 'paused');
        gate('cancel', !ended);
        gate('undo', ended && job.kind === 'drain');
        me.down('#undo').setText(PRS.JobWords.wayBack(job, seen));
        me.down('#dismiss').setHidden(!ended || !me.dismissable);
        let { done_bytes, total_bytes, done, steps } = job.progress;
        let share = total_bytes ? done_bytes / total_bytes : steps ? done / steps : 1;
        let bar = me.down('#total');
        bar.setHidden(ended);
        if (!ended && bar.getValue() !== share) {
            bar.updateProgress(share, PRS.Format.percent(share), false);
        }
        me.down('#steps').fill(job);
    },
});
