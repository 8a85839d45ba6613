// Every rule that binds guests, a plan that repairs the broken ones and nothing else, and how each guest may be moved.
Ext.define('PRS.RulesWindow', {
    extend: 'PRS.NoticeWindow',
    xtype: 'prsRulesWindow',

    title: gettext('Rules'),
    iconCls: 'fa fa-gavel',
    wide: 1060,
    high: 600,

    // Of a guest, from its own menu: {vmid, ...} as in PVE's tree.
    guest: undefined,

    controller: {
        xclass: 'PRS.NoticeController',

        onShow: async function () {
            let me = this;
            let { guest } = me.getView();
            if (guest) {
                me.lookup('tabs').setActiveTab(me.lookup('guests'));
            }
            await me.load();
            if (guest && !me.destroyed) {
                me.lookup('guests').choose(Number(guest.vmid));
            }
        },

        load: async function (notes) {
            let me = this;
            me.say(PRS.Format.busy(gettext('Reading the rules')));
            try {
                let found = await PRS.Api.get('/rules');
                if (!me.destroyed) {
                    me.fill(found, notes || []);
                }
            } catch (err) {
                me.failed(err);
            }
        },

        onSaved: function (notes) {
            this.load(notes);
        },

        fill: function (found, notes) {
            let me = this;
            let count = (state) => found.rules.filter((rule) => rule.state === state).length;
            let broken = count('broken');
            let words = Ext.String.format(
                gettext('{0}: {1} broken, {2} that cannot be met'),
                PRS.Format.count(found.rules.length, gettext('{0} rule'), gettext('{0} rules')),
                broken,
                count('unmet'),
            );
            let sum = broken || count('unmet') ? PRS.Format.warning(words) : PRS.Format.good(words);
            let problems = [...notes, ...found.problems].map((text) => PRS.Format.warning(text));
            me.say([sum, ...problems].join('<br>'));
            me.lookup('rules').fill(found.rules);
            me.lookup('guests').fill(found.guests, found.may.write);
            let some = PRS.Format.right(broken > 0, gettext('No rule is broken.'));
            let tip = gettext('Plan what repairs the broken rules and moves nothing else');
            PRS.Format.gate(me.lookup('mend'), found.may.mend.allowed ? some : found.may.mend, tip);
        },

        // The plan is shown in the tab, and carried out from there.
        onMend: async function () {
            let me = this;
            let button = me.lookup('mend');
            button.setDisabled(true);
            me.say(PRS.Format.busy(gettext('Planning')));
            try {
                let plan = await PRS.Api.post('/plans', { kind: 'balance', goal: 'mend' });
                if (me.destroyed) {
                    return;
                }
                if (plan.moves.length) {
                    me.getView().fireEvent('mend', plan);
                    me.getView().close();
                    return;
                }
                let lines = [plan.summary, ...plan.warnings];
                me.say(lines.map((text) => PRS.Format.warning(text)).join('<br>'));
            } catch (err) {
                me.failed(err);
            }
            if (!me.destroyed) {
                button.setDisabled(false);
            }
        },
    },

    items: [
        {
            xtype: 'tabpanel',
            reference: 'tabs',
            flex: 1,
            border: false,
            items: [
                { xtype: 'prsRulesGrid', reference: 'rules', title: gettext('Rules') },
                {
                    xtype: 'prsGuestsGrid',
                    reference: 'guests',
                    title: gettext('Guests'),
                    listeners: { saved: 'onSaved' },
                },
            ],
        },
    ],

    buttons: [
        {
            ui: 'default-toolbar',
            text: gettext('Mend'),
            reference: 'mend',
            disabled: true,
            handler: 'onMend',
        },
        { ui: 'default-toolbar', text: gettext('Close'), handler: 'onClose' },
    ],
});
