// What a plan comes to, in sentences. Pure: no component, no request.
Ext.define('PRS.PlanWords', {
    singleton: true,

    // Over the plan, as HTML: one line on what it does, one on what it is based on. `current` is a PRS.CurrentPlan.
    summary: function (cluster, method, current, may) {
        let me = this;
        let { plan, planning } = current;
        if (planning) {
            return PRS.Format.busy(gettext('Planning'));
        }
        let lines = plan ? me.ofPlan(plan, current, cluster) : [me.ofNow(cluster, method)];
        if (may && !may.balance.allowed) {
            let words = gettext('You cannot start migrations here: {0}');
            lines.push(
                PRS.Format.icon('lock') +
                    PRS.Format.esc(Ext.String.format(words, may.balance.reason)),
            );
        }
        return lines.join('<br>');
    },

    ofNow: function (cluster, method) {
        let words = function (resource) {
            let now = PRS.Format.points(cluster.spread[resource]);
            return Ext.String.format(gettext('Spread {0} points.'), now);
        };
        let each = PRS.Format.methods().map(([resource, label]) => `${label}: ${words(resource)}`);
        // How unevenly nodes are pressed only a plan tells.
        let known = method in cluster.spread ? words(method) : '';
        return PRS.Format.esc(method === 'all' ? each.join(' ') : known);
    },

    ofPlan: function (plan, current, cluster) {
        let me = this;
        let sum = current.sum(cluster);
        let first = plan.moves.length ? PRS.Loads.numbers(sum) : gettext('Nothing to do');
        let words = [`${first}.`, ...me.spread(plan, sum, !current.skip.size)].join(' ');
        let lines = [PRS.Format.good(words)];
        let made = PRS.Format.when(plan.created);
        if (PRS.Loads.changed(plan, cluster)) {
            let changed = gettext('The cluster has changed since {0}: plan again.');
            lines.push(PRS.Format.warning(Ext.String.format(changed, made)));
        } else {
            lines.push(PRS.Format.esc(me.age(made, Date.now() / 1000 - plan.created)));
        }
        return lines;
    },

    age: function (made, seconds) {
        let minutes = Math.floor(seconds / 60);
        return minutes < 1
            ? Ext.String.format(gettext('Planned at {0}.'), made)
            : Ext.String.format(gettext('Planned at {0}, {1} min ago.'), made, minutes);
    },

    // `whole`: nothing is unticked. The service's own figures hold for whole plans only.
    spread: function (plan, sum, whole) {
        let parts = plan.moves.length ? [] : [plan.summary];
        let [from, to] = [plan.spread_before, sum.spread].map(PRS.Format.points);
        parts.push(Ext.String.format(gettext('Spread {0} points → {1}.'), from, to));
        if (plan.spread_reachable !== null) {
            let text = gettext('Best reachable with any number of migrations: {0}.');
            parts.push(Ext.String.format(text, PRS.Format.points(plan.spread_reachable)));
        }
        let over = plan.cost / plan.cost_bound;
        if (over < 2 && whole) {
            let percent = Math.ceil(over * 100 - 100.01);
            let text = gettext('At most {0}% above the cheapest way.');
            parts.push(
                percent > 0
                    ? Ext.String.format(text, percent)
                    : gettext('There is no cheaper way.'),
            );
        }
        if (plan.headroom && plan.headroom.fits && whole) {
            parts.push(plan.headroom.sentence);
        }
        return parts;
    },
});
