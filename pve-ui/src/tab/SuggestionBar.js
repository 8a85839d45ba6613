// The plan that automatic balancing suggests, with what can be done about it.
Ext.define('PRS.SuggestionBar', {
    extend: 'PRS.Row',
    xtype: 'prsSuggestionBar',

    hidden: true,

    items: [
        PRS.Row.words({
            itemId: 'words',
            padding: '5 10',
            autoEl: { tag: 'div', role: 'status' },
        }),
        PRS.Row.buttons([
            {
                itemId: 'show',
                text: gettext('Show'),
                iconCls: 'fa fa-fw fa-list',
                handler: (button) => button.up('prsSuggestionBar').showPlan(),
            },
            {
                itemId: 'apply',
                text: gettext('Apply'),
                iconCls: 'fa fa-fw fa-play',
                handler: (button) => button.up('prsSuggestionBar').apply(),
            },
            {
                itemId: 'dismiss',
                text: gettext('Dismiss'),
                iconCls: 'fa fa-fw fa-times',
                handler: (button) => button.up('prsSuggestionBar').dismiss(),
            },
        ]),
    ],

    // `balancing` and `may` are those of the status answer.
    fill: function (balancing, may) {
        let me = this;
        let found = balancing && balancing.suggestion;
        let gone = balancing && balancing.state.withdrawn;
        me.found = found;
        me.setHidden(!found && !gone);
        if (me.hidden) {
            return;
        }
        me.query('button').forEach((button) => button.setHidden(!found));
        PRS.Format.html(me.down('#words'), found ? me.words(found) : me.gone(gone));
        if (found) {
            PRS.Format.gate(me.down('#apply'), may.balance);
            PRS.Format.gate(me.down('#dismiss'), may.cancel_others);
        }
    },

    words: function (found) {
        let text = found.day
            ? gettext('Suggested at {0}: {1}, {2}, widest spread of the day {3} → {4}')
            : gettext('Suggested at {0}: {1}, {2}, spread {3} → {4}');
        let words = Ext.String.format(
            text,
            PRS.Format.when(found.created),
            PRS.Format.migrations(found.moves),
            PRS.Format.size(found.bytes),
            PRS.Format.points(found.spread_before),
            PRS.Format.points(found.spread_after),
        );
        return `${PRS.Format.icon('lightbulb-o')} <b>${PRS.Format.esc(words)}</b>`;
    },

    gone: function (why) {
        let words = Ext.String.format(gettext('The suggested plan is gone: {0}'), why);
        return PRS.Format.icon('info-circle', 'faded') + PRS.Format.esc(words);
    },

    // The plan itself; one that has been replaced meanwhile is not shown as the one of the line.
    plan: async function () {
        let plan = await PRS.Api.get('/suggestion');
        if (!this.found || plan.id !== this.found.plan) {
            this.fireEvent('changed');
            throw PRS.Api.failure('refused', gettext('Another plan is suggested by now.'));
        }
        return plan;
    },

    lines: function (plan) {
        let lines = plan.moves.slice(0, 20).map((move) => {
            let way = `${move.source} → ${move.target}`;
            return `${PRS.Format.label(move)}: ${way} (${PRS.Format.size(move.bytes)}): ${move.reason}`;
        });
        if (plan.moves.length > 20) {
            lines.push(Ext.String.format(gettext('and {0} more'), plan.moves.length - 20));
        }
        return lines.map(PRS.Format.esc);
    },

    showPlan: async function () {
        let me = this;
        try {
            let plan = await me.plan();
            let head = PRS.Format.esc(plan.summary);
            Ext.Msg.alert(gettext('Suggested plan'), [head, '', ...me.lines(plan)].join('<br>'));
        } catch (err) {
            PRS.Api.alert(err);
        }
    },

    // Asks with all that will move, and starts that.
    apply: async function () {
        let me = this;
        try {
            let plan = await me.plan();
            let question = PRS.JobWords.question(plan, {
                ...plan,
                count: plan.moves.length,
            }).map(PRS.Format.esc);
            let msg = [...question, '', ...me.lines(plan)].join('<br>');
            if ((await PRS.Jobs.ask({ msg: msg })) !== 'yes') {
                return;
            }
            let job = await PRS.Api.post('/suggestion/apply', { plan: plan.id });
            if (!me.destroyed) {
                me.fireEvent('started', me, job);
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.destroyed) {
            me.fireEvent('changed');
        }
    },

    dismiss: async function () {
        let me = this;
        let { plan } = me.found;
        try {
            let msg = gettext('Dismiss the suggested plan? Nothing is moved.');
            if ((await PRS.Jobs.ask({ msg: msg })) !== 'yes') {
                return;
            }
            await PRS.Api.post('/suggestion/dismiss', { plan: plan });
        } catch (err) {
            PRS.Api.alert(err);
        }
        if (!me.destroyed) {
            me.fireEvent('changed');
        }
    },
});
