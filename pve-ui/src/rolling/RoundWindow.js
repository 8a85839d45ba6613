// The cluster's round of rolling maintenance, as every node tells it: how far each node is; pause, resume, stop, skip a node.
Ext.define('PRS.RoundWindow', {
    extend: 'PRS.NoticeWindow',
    xtype: 'prsRoundWindow',

    title: gettext('Rolling maintenance'),
    iconCls: 'fa fa-wrench',
    wide: 900,
    high: 460,

    controller: {
        xclass: 'PRS.NoticeController',

        onShow: function () {
            this.say(PRS.Format.busy(gettext('Reading the round')));
            this.poller = PRS.Poller.start(this.getView(), () => this.load());
        },

        // What was read last stays on the page while the node that serves it reboots.
        load: async function () {
            let me = this;
            try {
                let found = await PRS.Api.get('/rounds');
                if (!me.destroyed) {
                    me.show(found);
                }
            } catch (err) {
                if (!me.destroyed) {
                    me.failed(err);
                }
            }
        },

        // The round that was known last stays on the page when its file cannot be read.
        show: function (found) {
            let me = this;
            if (found.round) {
                me.fill(found.round);
            } else if (found.problem) {
                me.shut(found.problem);
                me.say(PRS.Format.bad(found.problem));
            } else {
                let how = 'proxmox-rebalancing-service drain --each --reboot';
                let words = gettext(
                    'There was no rolling maintenance yet. {0} begins it on a node.',
                );
                let text = Ext.String.format(words, how);
                me.shut(text);
                me.say(PRS.Format.esc(text));
            }
        },

        shut: function (reason) {
            this.round = undefined;
            ['pause', 'resume', 'stop', 'skip'].forEach((verb) =>
                PRS.Format.gate(this.lookup(verb), PRS.Format.right(false, reason)),
            );
        },

        fill: function (round) {
            let me = this;
            me.round = round;
            me.lookup('nodes').fill(round.turns);
            me.say(PRS.RoundWords.state(round));
            me.offer();
        },

        // Why a button is of no use stands in its tooltip.
        offer: function () {
            let me = this;
            let { round } = me;
            if (!round) {
                return;
            }
            let gate = (verb, tip) => PRS.Format.gate(me.lookup(verb), round.may[verb], tip);
            gate('pause', gettext('Begin no further node once this one is done'));
            gate('resume', gettext('Go on with the next node'));
            gate('stop', gettext('Take back what is under way and begin no further node'));
            PRS.Format.gate(me.lookup('skip'), me.mayChosen(), gettext('Leave this node out'));
        },

        mayChosen: function () {
            let me = this;
            let [chosen] = me.lookup('nodes').getSelection();
            let turn = chosen && me.round.turns.find((one) => one.node === chosen.getId());
            return turn ? turn.may.skip : PRS.Format.right(false, gettext('Choose a node first.'));
        },

        onChosen: function () {
            this.offer();
        },

        failed: function (err) {
            let me = this;
            let lines = [PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err)];
            if (err.kind === 'unreachable') {
                let words = gettext(
                    'The node that serves this page may be rebooting. The round goes on without it, and it is asked again.',
                );
                lines = [PRS.Format.busy(words)];
            }
            me.shut(err.message);
            me.say(lines.join('<br>'));
        },

        onVerb: function (button) {
            let me = this;
            let { round } = me;
            let verb = button.reference;
            let [chosen] = me.lookup('nodes').getSelection();
            let node = verb === 'skip' ? chosen.getId() : '';
            let question = PRS.Format.esc(PRS.RoundWords.question(verb, round, node));
            Ext.Msg.confirm(gettext('Confirm'), question, (answer) => {
                if (answer === 'yes') {
                    me.steer(`/rounds/${round.id}/${verb}`, node ? { node: node } : undefined);
                }
            });
        },

        steer: async function (path, body) {
            let me = this;
            try {
                let round = await PRS.Api.post(path, body);
                if (!me.destroyed) {
                    me.fill(round);
                }
            } catch (err) {
                PRS.Api.alert(err);
            }
        },
    },

    items: [
        {
            xtype: 'prsRoundGrid',
            reference: 'nodes',
            flex: 1,
            listeners: { selectionchange: 'onChosen' },
        },
    ],

    buttons: {
        defaults: { ui: 'default-toolbar', disabled: true, handler: 'onVerb' },
        items: [
            { reference: 'pause', text: gettext('Pause after this node') },
            { reference: 'resume', text: gettext('Resume') },
            { reference: 'skip', text: gettext('Skip node') },
            { reference: 'stop', text: gettext('Stop') },
            { text: gettext('Close'), disabled: false, handler: 'onClose' },
        ],
    },
});
