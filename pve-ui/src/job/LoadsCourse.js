// What the chart of loads is drawn from. Pure: no component, no request.
Ext.define('PRS.LoadsCourse', {
    singleton: true,

    percent: (fraction) => (fraction === null ? null : Math.round(fraction * 1000) / 10),

    // A row for each step, in the middle of its time; null makes a gap. Jobs that began in it are marked as high as the spread was.
    rows: function (loads, jobs, kind) {
        let { percent } = this;
        return loads.readings.map((readings, place) => {
            let row = { time: new Date(this.middle(loads, place)) };
            let begin = loads.start + place * loads.step;
            let here = jobs.filter(
                ({ created }) => created >= begin && created < begin + loads.step,
            );
            row.spread = percent(loads.spread[kind][place]);
            row.jobs = here.length ? row.spread || 0 : NaN; // null would be drawn as zero
            row.what = here.map((job) => PRS.Format.esc(this.what(job))).join('<br>');
            loads.nodes.forEach((node, number) => {
                row[`node${number}`] = percent(node[kind][place]);
            });
            return row;
        });
    },

    middle: (loads, place) => (loads.start + (place + 0.5) * loads.step) * 1000,

    what: function (job) {
        let named = Ext.apply({ plan: { options: job.options } }, job);
        let [state] = PRS.Jobs.states()[job.state] || [job.state];
        let parts = [PRS.Format.when(job.created), PRS.Jobs.what(named, job.method), state];
        return `${parts.join(', ')}: ${job.summary}`;
    },

    // In words what the chart shows, for whoever does not see it, and what is missing in it.
    // What the list of jobs says of the nodes that gave no answer stands above both.
    words: function (loads, { jobs, peers }, kind) {
        let above = peers.map((peer) => peer.message);
        let notes = loads.peers.map((peer) => peer.message);
        notes = PRS.Notices.peers(notes.filter((note) => note && !above.includes(note)));
        let begin = jobs.length >= 200 && jobs[199].created;
        if (begin > loads.start) {
            let words = gettext('Jobs before {0} are not marked: there are too many.');
            notes.push(Ext.String.format(words, PRS.Format.when(begin)));
        }
        return [this.spread(loads, kind), ...notes.map((note) => PRS.Format.warning(note))].join(
            '<br>',
        );
    },

    spread: function (loads, kind) {
        let spread = loads.spread[kind];
        let widest = spread.reduce(
            (best, value, at) => (value > (spread[best] || 0) ? at : best),
            0,
        );
        let known = spread.filter((value) => value !== null);
        if (!known.length) {
            let words = gettext(
                'Nothing is remembered of this time. The service of the node that leads takes a reading every five minutes.',
            );
            return PRS.Format.esc(words);
        }
        let words = gettext('Spread: {0} points at last, at most {1} points ({2})');
        let when = PRS.Format.when(this.middle(loads, widest) / 1000);
        let { points } = PRS.Format;
        return PRS.Format.esc(
            Ext.String.format(words, points(known.pop()), points(spread[widest]), when),
        );
    },
});
