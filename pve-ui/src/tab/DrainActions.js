// What the tab's buttons beside the plan do: drain a node, end that, show rules and past jobs. For the tab's controller.
Ext.define('PRS.DrainActions', {
    extend: 'Ext.Mixin',

    mixinConfig: { id: 'drainactions' },

    onDrain: function (name) {
        let me = this;
        let soon = () => {
            me.found.outdate('jobs');
            me.poller.soon();
        };
        Ext.create('PRS.DrainWindow', {
            nodename: name,
            autoShow: true,
            listeners: { started: soon, destroy: soon },
        });
    },

    onEndDrain: async function (node) {
        let me = this;
        let main = me.lookup('main');
        try {
            let job = await PRS.Jobs.endDrain(node, (text) => main.setLoading(`${text}...`));
            if (me.gone()) {
                return;
            }
            me.found.outdate('cluster');
            if (job) {
                me.follow(job);
            } else {
                me.poller.soon();
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.gone()) {
            main.setLoading(false);
        }
    },

    onSettings: function () {
        Ext.create('PRS.SettingsWindow', {
            autoShow: true,
            listeners: { saved: () => this.onRetry() },
        });
    },

    onRules: function () {
        Ext.create('PRS.RulesWindow', {
            autoShow: true,
            listeners: { mend: (plan) => this.current.set(plan) },
        });
    },

    onHistory: function () {
        Ext.create('PRS.HistoryWindow', { autoShow: true });
    },
});
