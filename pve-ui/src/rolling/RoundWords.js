// How a round of rolling maintenance stands, and what is asked before it is changed. Pure: no component, no request.
Ext.define('PRS.RoundWords', {
    singleton: true,

    // One line for the round, and one more where there is a reason to tell.
    state: function (round) {
        let over = round.turns.filter((turn) => turn.stage === 'done').length;
        let head = this.head(round);
        let count = Ext.String.format(gettext('Nodes done: {0} of {1}'), over, round.turns.length);
        let look = { failed: 'bad', done: 'good' }[round.state] || 'warning';
        let line = `${head} ${count}.`;
        let lines = [
            round.state === 'running' && !round.request
                ? PRS.Format.busy(line)
                : PRS.Format[look](line),
        ];
        if (round.message) {
            lines.push(PRS.Format.esc(round.message));
        }
        return lines.join('<br>');
    },

    open: (round) => ['running', 'paused'].includes(round.state),

    head: function (round) {
        let by = (words) => Ext.String.format(words, round.holder, round.user);
        if (!this.open(round)) {
            let words = {
                done: gettext('The round of {0} has ended.'),
                failed: gettext('The round of {0} has failed.'),
                stopped: gettext('The round of {0} was stopped.'),
            };
            return Ext.String.format(words[round.state] || round.state, round.user);
        }
        if (round.request === 'stop') {
            return by(gettext('The round of {1} is being stopped; {0} carries it.'));
        }
        if (round.state === 'paused') {
            return by(gettext('The round of {1} is paused; {0} carries it.'));
        }
        let under = round.turns.filter((turn) => turn.batch && this.underWay(turn));
        if (round.request === 'pause' && under.length > 1) {
            return by(gettext('The round of {1} pauses after these nodes; {0} carries it.'));
        }
        if (round.request === 'pause') {
            return by(gettext('The round of {1} pauses after this node; {0} carries it.'));
        }
        return by(gettext('The round of {1} is under way; {0} carries it.'));
    },

    underWay: (turn) =>
        turn.step !== 'gates' && !['done', 'skipped', 'failed'].includes(turn.stage),

    // What the answer Yes will do.
    question: function (verb, round, node) {
        let words = {
            pause: gettext('Begin no further node until somebody resumes the round?'),
            stop: gettext(
                'Stop the round for good? What is under way is taken back, and no further node begins.',
            ),
            skip: gettext('Skip {0}? What was begun for it is taken back.'),
        };
        return verb === 'resume' ? this.resume(round) : Ext.String.format(words[verb], node);
    },

    // What the round waits with decides what going on means.
    resume: function (round) {
        let now = round.turns.find((turn) => turn.step === 'by-hand' || turn.stage === 'hook');
        let empty = round.turns.filter((turn) => turn.step === 'by-hand');
        let waiting = round.turns.filter(
            (turn) => turn.stage === 'waiting' && !empty.includes(turn),
        );
        let names = waiting.map((turn) => turn.node).join(', ') || '-';
        if (now) {
            let words =
                now.stage === 'hook'
                    ? gettext('Run the hook of {0} again, and go on? Nodes after it: {1}')
                    : gettext('Bring the guests of {0} back, and go on? Nodes after it: {1}');
            let here = now.stage === 'hook' ? [now] : empty;
            return Ext.String.format(words, here.map((turn) => turn.node).join(', '), names);
        }
        let words = round.reboot
            ? gettext('Go on with the round? These nodes are emptied and rebooted: {0}')
            : gettext('Go on with the round? These nodes are emptied: {0}');
        return Ext.String.format(words, names);
    },
});
