// What a plan comes to, in sentences. Pure: no component, no request.
Ext.define('PRS.PlanWords', {
    singleton: true,

    // Under the nodes: the spread now, and with a plan what becomes of it. `sum` is what PRS.Loads.after gives.
    spread: function (cluster, method, plan, sum, skip) {
        if (!sum) {
            let now = PRS.Format.points(cluster.spread[method]);
            return Ext.String.format(gettext('Spread {0} points.'), now);
        }
        let whole = !skip.size;
        let parts = plan.moves.length ? [] : [plan.summary];
        let [from, to] = [plan.spread_before, sum.spread].map(PRS.Format.points);
        parts.push(Ext.String.format(gettext('Spread {0} points → {1}.'), from, to));
        if (plan.spread_reachable !== null) {
            let text = gettext('Best reachable with any number of migrations: {0}.');
            parts.push(Ext.String.format(text, PRS.Format.points(plan.spread_reachable)));
        }
        let over = plan.cost / plan.cost_bound;
        if (over < 2 && whole) {
            let text = gettext('At most {0}% above the cheapest way.');
            parts.push(Ext.String.format(text, Math.ceil(over * 100 - 100.01)));
        }
        if (plan.headroom && plan.headroom.fits && whole) {
            parts.push(plan.headroom.sentence);
        }
        return parts.join(' ');
    },

    // In the toolbar, as HTML.
    outcome: function (planning, plan, sum) {
        if (planning) {
            return PRS.Format.busy(gettext('Planning'));
        }
        if (!sum) {
            return '';
        }
        let words = plan.moves.length ? PRS.Loads.numbers(sum) : gettext('Nothing to do');
        return PRS.Format.good(words);
    },
});
