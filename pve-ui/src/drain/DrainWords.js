// What a drain's plan comes to, and whether it may be started. Pure: no component, no request.
Ext.define('PRS.DrainWords', {
    singleton: true,

    // The feasibility in one paragraph, with the remedy where there is one. `ticked` has `leave` and `containers`.
    verdict: function (plan, sum, ticked) {
        let me = this;
        let { node, moves, blockers } = plan;
        if (!moves.length && !blockers.length) {
            return plan.summary || Ext.String.format(gettext('{0} is empty.'), node);
        }
        let head = blockers.length
            ? gettext('{0} can be emptied except for {1}.')
            : gettext('{0} can be emptied.');
        let sentences = [Ext.String.format(head, node, PRS.Format.guests(blockers.length))];
        if (blockers.length && !ticked.leave) {
            sentences.push(me.remedy(blockers, ticked));
            if (plan.relaxable.length) {
                let words = gettext('Or tick the rules that may be broken while it is away.');
                sentences.push(words);
            }
        }
        if (moves.length) {
            sentences.push(`${PRS.Loads.numbers(sum)}.`, ...me.others(plan));
        }
        return sentences.join(' ');
    },

    // Nothing is moved while a guest is in the way; where to tick so that something is.
    remedy: function (blockers, ticked) {
        let restart = blockers.some((guest) => guest.kind === 'lxc') && !ticked.containers;
        return restart
            ? gettext(
                  'Nothing moves yet: tick "Containers (restart)" to move containers too, or "Leave what cannot move" to move the others.',
              )
            : gettext('Nothing moves yet: tick "Leave what cannot move" to move the others.');
    },

    // What becomes of the other nodes.
    others: function (plan) {
        let others = plan.after
            .filter((load) => load.node !== plan.node && load.active)
            .map((load) => `${load.node} ${PRS.Format.percent(load.memory)}`);
        let sentences = [];
        if (others.length <= 6) {
            let words = gettext('Memory afterwards: {0}.');
            sentences.push(Ext.String.format(words, others.join(', ')));
        }
        if (plan.headroom && plan.headroom.fits) {
            sentences.push(plan.headroom.sentence);
        }
        return sentences;
    },

    // `right` is the caller's to drain; `leave` and `maintenance` are what is ticked.
    right: function (plan, right, leave, maintenance) {
        if (right.allowed && !plan.moves.length && !maintenance) {
            return PRS.Format.right(false, gettext('There is nothing to move.'));
        }
        if (right.allowed && plan.blockers.length && !leave) {
            let words = gettext('Some guests cannot move: tick "Leave what cannot move" to go on.');
            return PRS.Format.right(false, words);
        }
        return right;
    },
});
