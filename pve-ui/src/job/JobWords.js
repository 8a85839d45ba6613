// A job in one line: what it does, how far it is, how it ended. As HTML with an icon; pure: no component, no request.
Ext.define('PRS.JobWords', {
    singleton: true,

    // What is about to happen, in sentences.
    question: function (plan, sum, more) {
        let head = gettext('Rebalance the cluster?');
        if (plan.kind === 'drain') {
            head = Ext.String.format(gettext('Drain node {0}?'), plan.node);
        } else if (PRS.Jobs.back(plan)) {
            head = gettext('Bring the guests back?');
        }
        let lines = [head];
        if (sum.count) {
            lines.push(Ext.String.format(gettext('Start {0}.'), PRS.Loads.numbers(sum)));
        }
        let restarts = sum.moves.filter((move) => move.how === 'restart').length;
        if (restarts) {
            let text = PRS.Format.count(
                restarts,
                gettext('{0} container is restarted.'),
                gettext('{0} containers are restarted.'),
            );
            lines.push(text);
        }
        if (more && more.maintenance) {
            lines.push(gettext('HA maintenance mode is switched on.'));
        }
        let left = (plan.blockers || []).map(PRS.Format.label);
        if (left.length) {
            let names = left.slice(0, 5).join(', ') + (left.length > 5 ? ', …' : '');
            let text =
                left.length === 1
                    ? gettext('{0} guest stays: {1}.')
                    : gettext('{0} guests stay: {1}.');
            lines.push(Ext.String.format(text, left.length, names));
        }
        let unticked = plan.moves.length - sum.count;
        if (unticked) {
            let text = PRS.Format.count(
                unticked,
                gettext('{0} planned migration is unticked and left out.'),
                gettext('{0} planned migrations are unticked and left out.'),
            );
            lines.push(text);
        }
        return lines;
    },

    facts: function (job) {
        let { done, steps, done_bytes, total_bytes } = job.progress;
        let [copied, total] = [done_bytes, total_bytes].map(PRS.Format.size);
        return [
            Ext.String.format(gettext('{0} of {1} done'), done, steps),
            Ext.String.format(gettext('{0} of {1}'), copied, total),
        ];
    },

    failed: function (job) {
        let { failed } = job.progress;
        return failed ? [Ext.String.format(gettext('{0} failed'), failed)] : [];
    },

    headline: function (job) {
        let { progress } = job;
        let started = gettext('started by {0} on {1} at {2}');
        let at = PRS.Format.when(job.started || job.created);
        let parts = [
            PRS.Jobs.what(job, job.plan.method),
            Ext.String.format(started, job.user, job.host, at),
            ...this.facts(job),
            ...this.failed(job),
        ];
        if (job.state !== 'running') {
            parts.splice(1, 0, PRS.Jobs.states()[job.state][0]);
        }
        if (progress.seconds_left !== null && job.state === 'running') {
            let left = PRS.Format.clock(progress.seconds_left);
            parts.push(Ext.String.format(gettext('about {0} left'), left));
        }
        if (job.message) {
            parts.push(job.message);
        }
        return PRS.Format[job.state === 'paused' ? 'warning' : 'busy'](parts.join(', '));
    },

    // A drain that was carried out, by what is seen of its node now: [parts, look, what the job said at its end]. What it said then is
    // shown as it is only while it is so.
    drained: function (job, seen) {
        let [state, look] = PRS.Jobs.states()[job.state];
        let whole = job.state === 'done';
        let ending = Ext.String.format(gettext('at its end: {0}'), job.message);
        let then = job.message && ending;
        if (seen === 'guests') {
            let words = whole ? gettext('{0} has guests again') : gettext('{0} still shows guests');
            return [[Ext.String.format(words, job.node)], 'warning', whole ? '' : job.message];
        }
        if (seen === 'empty' && whole) {
            let words = Ext.String.format(gettext('{0} is empty'), job.node);
            return [[job.message || words], 'good', ''];
        }
        if (seen === 'empty') {
            let words = Ext.String.format(gettext('no guest is seen on {0} now'), job.node);
            return [[words], 'good', then];
        }
        // What was not done stands in what it said; "partly done, 6 of 6 done" tells nobody anything.
        let parts = [PRS.Jobs.what(job, job.plan.method), ...(whole ? [state] : [])];
        if (seen === 'released') {
            parts.push(gettext('ended since'));
        }
        return [parts, seen ? look : 'busy', whole && seen ? '' : then];
    },

    // The button at a drain that has ended: what was released needs no end.
    wayBack: function (job, seen) {
        let over = seen === 'released' && ['done', 'partial'].includes(job.state);
        return over ? gettext('Bring guests back') : gettext('End drain');
    },

    // Green only when it was seen: a drain whose node still shows guests is not done, whatever its tasks said.
    result: function (job, seen) {
        let [state, look] = PRS.Jobs.states()[job.state];
        let parts = [PRS.Jobs.what(job, job.plan.method), state];
        let said = job.message;
        if (job.kind === 'drain' && ['done', 'partial'].includes(job.state)) {
            [parts, look, said] = this.drained(job, seen);
        }
        parts.push(...this.facts(job));
        if (job.started) {
            let took = PRS.Format.clock(job.ended - job.started);
            parts.push(Ext.String.format(gettext('took {0}'), took));
        }
        parts.push(...this.failed(job));
        if (said) {
            parts.push(said);
        }
        return PRS.Format[look](parts.join(', '));
    },
});
