// What a round that has not begun would do, and what is asked before it begins. Pure: no component, no request.
Ext.define('PRS.BeginWords', {
    singleton: true,

    // Of a node: which kernel runs, and which would after a reboot.
    reboot: function (node) {
        let words = {
            needed: gettext('Needed: {0} runs, {1} is installed'),
            'not-needed': gettext('Not needed: {0} runs'),
        };
        let text = words[node.reboot] || gettext('Not known: {2}');
        return Ext.String.format(text, node.running, node.newest, node.problem);
    },

    marks: function (node) {
        let marks = [
            [node.here, gettext('this node')],
            [node.master, gettext('leads HA')],
            [node.held, gettext('kept empty')],
            [!node.online, gettext('offline')],
        ];
        return marks
            .filter(([holds]) => holds)
            .map(([holds, words]) => words)
            .join(', ');
    },

    gate: (name) => {
        let names = {
            quorum: gettext('Quorum'),
            nodes: gettext('Nodes'),
            services: gettext('Services'),
            backups: gettext('Backups'),
            replication: gettext('Replication'),
            'fresh replicas': gettext('Fresh replicas'),
            'Ceph daemons': gettext('Ceph daemons'),
        };
        return names[name] || name;
    },

    // A row's cells for a turn of the dry run.
    turn: function (turn) {
        let me = this;
        let shut = turn.gates.filter((gate) => !gate.open);
        let waited = (gate) => {
            let most = Ext.String.format(
                gettext('waited for up to {0}'),
                PRS.Format.about(gate.limit),
            );
            return `${me.gate(gate.name)}: ${gate.reason} (${most})`;
        };
        let open = Ext.String.format(gettext('All {0} are open'), turn.gates.length);
        let beside = turn.together.length
            ? [Ext.String.format(gettext('together with {0}'), turn.together.join(', '))]
            : [];
        let parts = [turn.possible ? me.drain(turn) : turn.summary, ...beside];
        return {
            drain: parts.join(', ') + (turn.apart ? `; ${turn.apart}` : ''),
            possible: turn.possible,
            gates: shut.length ? shut.map(waited).join('; ') : open,
            shut: shut.length > 0,
            names: turn.gates.map((gate) => me.gate(gate.name)).join(', '),
        };
    },

    drain: function (turn) {
        let parts = [PRS.Format.migrations(turn.moves), PRS.Format.size(turn.bytes)];
        let time = PRS.Format.about(turn.seconds);
        parts.push(Ext.String.format(gettext('{0} there and back'), time));
        if (turn.rides.length) {
            let down = Ext.String.format(
                gettext('{0} shut down'),
                PRS.Format.guests(turn.rides.length),
            );
            parts.push(down);
        }
        return parts.join(', ');
    },

    // Before a dry run.
    invite: function (nodes) {
        let older = nodes.filter((node) => node.reboot === 'needed').length;
        let words = older
            ? PRS.Format.count(
                  older,
                  gettext('{0} node needs a reboot for its newest kernel and is ticked.'),
                  gettext('{0} nodes need a reboot for their newest kernels and are ticked.'),
              )
            : gettext('No node is known to need a reboot: tick those that take part.');
        return `${words} ${gettext('The dry run tells what would be done; it changes nothing.')}`;
    },

    // What a dry run of what was asked has found, as lines of HTML: first the nodes that cannot be emptied.
    verdict: function (found, asked) {
        let stuck = found.turns.filter((turn) => !turn.possible);
        let names = stuck.map((turn) => turn.node).join(', ');
        let words = Ext.String.format(gettext('Cannot be emptied: {0}.'), names);
        let remedies = this.remedies(stuck, asked).join(' ');
        let lines = stuck.length ? [PRS.Format.bad(`${words} ${remedies}`)] : [];
        lines.push(...found.problems.map((text) => PRS.Format.bad(text)));
        return [...lines, PRS.Format[found.possible ? 'good' : 'warning'](this.whole(found))];
    },

    remedies: function (stuck, asked) {
        let blockers = stuck.flatMap((turn) => turn.blockers);
        let remedies = [];
        if (blockers.some((stay) => stay.kind === 'lxc') && !asked.containers) {
            remedies.push(gettext('Tick "Containers (restart)" to move containers too.'));
        }
        if (blockers.length) {
            remedies.push(
                gettext(
                    'Tick the guests in the way to shut them down meanwhile, or leave their nodes out.',
                ),
            );
        }
        if (stuck.some((turn) => turn.relaxable.length)) {
            remedies.push(gettext('Or tick the rules that may be broken while it is away.'));
        }
        return remedies;
    },

    whole: function (found) {
        let count = found.turns.length;
        let nodes = PRS.Format.count(count, gettext('{0} node'), gettext('{0} nodes'));
        let time = PRS.Format.about(found.seconds);
        let words = gettext('The whole round: {0}, {1} when no gate is waited for.');
        return Ext.String.format(words, nodes, time);
    },

    // Two requests with the same key have the same dry run: the order decides only who is serviced together.
    key: (asked) =>
        JSON.stringify({ ...asked, nodes: asked.at_once ? asked.nodes : [...asked.nodes].sort() }),

    // The nodes in their order, those that are serviced together with a plus sign in between.
    batches: function (asked, found) {
        let turns = new Map(found.turns.map((turn) => [turn.node, turn]));
        let words = '';
        asked.nodes.forEach((node, at) => {
            let joins = at && turns.get(node).together.includes(asked.nodes[at - 1]);
            words += (at ? (joins ? ' + ' : ', ') : '') + node;
        });
        return words;
    },

    // Why a round cannot begin like this. `found` is the dry run of what is asked, undefined without one.
    right: function (may, asked, found) {
        let no = (words) => PRS.Format.right(false, words);
        if (!may.allowed) {
            return may;
        }
        if (!asked.nodes.length) {
            return no(gettext('Tick a node first.'));
        }
        if (!found) {
            return no(gettext('Do the dry run first.'));
        }
        return found.possible
            ? may
            : no(gettext('The dry run names what is in the way of the round.'));
    },

    // What the answer Yes will do, as HTML. `rides` are the guests to be shut down.
    question: function (asked, found, rides) {
        let say = (words, ...values) => Ext.String.format(words, ...values);
        let head = asked.reboot
            ? gettext('Empty and reboot these nodes, one after the other: {0}?')
            : gettext('Empty these nodes, one after the other, and wait at each for you: {0}?');
        if (found.turns.some((turn) => turn.together.length)) {
            head = asked.reboot
                ? gettext('Empty and reboot these nodes, those with a plus sign together: {0}?')
                : gettext(
                      'Empty these nodes, those with a plus sign together, and wait for you: {0}?',
                  );
        }
        let lines = [say(head, this.batches(asked, found)), this.whole(found)];
        if (rides.length) {
            let names = rides.map((guest) => PRS.Format.label(guest)).join(', ');
            lines.push(say(gettext('Shut down meanwhile, and started again: {0}.'), names));
            lines.push(
                asked.kill_after
                    ? say(
                          gettext('What has not shut down after {0} min is killed.'),
                          asked.kill_after / 60,
                      )
                    : gettext('None of them is killed when it does not shut down.'),
            );
        }
        if (asked.relax) {
            let words = gettext('Break while the node is away: {0}');
            lines.push(say(words, asked.relax.join(', ')));
        }
        if (asked.containers) {
            lines.push(gettext('Running containers that move are restarted.'));
        }
        if (asked.hooks && found.hooks.length) {
            lines.push(
                say(gettext('Hooks of this site run as root: {0}.'), found.hooks.join(', ')),
            );
        }
        if (asked.maintenance) {
            lines.push(
                gettext('HA maintenance mode is switched on for nodes with HA, and off again.'),
            );
        }
        return lines.map((line) => PRS.Format.esc(line)).join('<br>');
    },
});
