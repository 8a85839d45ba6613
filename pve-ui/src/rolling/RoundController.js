// Shows the round that goes on, or the last one, and steers it: pause, resume, stop, skip a node.
Ext.define('PRS.RoundController', {
    extend: 'PRS.NoticeController',
    alias: 'controller.prsRound',

    mixins: ['PRS.RoundStart'],

    onShow: function () {
        let me = this;
        me.changes = 0;
        me.say(PRS.Format.busy(gettext('Reading the round')));
        me.poller = PRS.Poller.start(me.getView(), () => me.load());
    },

    // What was read last stays on the page while the node that serves it reboots.
    load: async function () {
        let me = this;
        let { changes } = me;
        try {
            let found = await PRS.Api.get('/rounds');
            if (!me.destroyed && changes === me.changes) {
                me.show(found);
            }
        } catch (err) {
            if (!me.destroyed && !me.choosing) {
                me.lost(err);
            }
        }
    },

    // The round that was known last stays on the page when its file cannot be read.
    show: function (found) {
        let me = this;
        let { round, problem } = found;
        me.may = found.may.begin;
        if (round && !me.older(round)) {
            me.last = round;
        }
        if (me.last && (!me.choosing || PRS.RoundWords.open(me.last))) {
            me.showPart('nodes');
            me.fill(me.last);
        } else if (me.choosing) {
            me.offerStart();
        } else if (problem) {
            me.shut(problem);
        } else {
            me.onNew();
        }
        if (problem && !me.choosing) {
            me.say(PRS.Format.bad(problem));
        }
    },

    // An answer from before the round that is known.
    older: function (round) {
        return this.last && round.created < this.last.created;
    },

    showPart: function (name) {
        let me = this;
        let view = me.getView();
        me.choosing = name === 'begin';
        view.getLayout().setActiveItem(me.lookup(name));
        view.query('button[part]').forEach((button) => button.setHidden(button.part !== name));
        let over = me.last && !PRS.RoundWords.open(me.last);
        me.lookup('another').setVisible(!me.choosing && over);
        me.lookup('back').setVisible(me.choosing && over);
    },

    shut: function (reason) {
        this.round = undefined;
        ['pause', 'resume', 'stop', 'skip', 'another'].forEach((verb) =>
            PRS.Format.gate(this.lookup(verb), PRS.Format.right(false, reason)),
        );
    },

    // A round as a call has changed it.
    changed: function (round) {
        let me = this;
        me.changes++;
        me.last = round;
        me.showPart('nodes');
        me.fill(round);
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
        PRS.Format.gate(
            me.lookup('another'),
            PRS.Format.right(true),
            gettext('Choose the nodes of a new round'),
        );
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

    // No answer: a round that was under way goes on, whatever this page can see of it.
    lost: function (err) {
        let me = this;
        let lines = [PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err)];
        if (err.kind === 'unreachable' && me.last && PRS.RoundWords.open(me.last)) {
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
                me.changed(round);
            }
        } catch (err) {
            PRS.Api.alert(err);
        }
    },
});
