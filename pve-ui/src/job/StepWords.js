// How far a migration is, as a fraction and in words. Pure: no component, no request.
Ext.define('PRS.StepWords', {
    singleton: true,

    // In whole percent, so that a row is drawn again only when there is something to see.
    share: function (step) {
        let share = step.total > 0 ? Math.min(step.done / step.total, 0.99) : 0;
        // HA's task ends when the order is given: how far HA is then, nobody knows.
        let ends = { done: 1, verifying: step.ha ? 0 : 0.99 };
        return Math.round((ends[step.state] || share) * 100) / 100;
    },

    // [look, words]
    state: function (step) {
        let message = step.message ? `: ${step.message}` : '';
        let took = PRS.Format.clock(step.ended - step.started);
        switch (step.state) {
            case 'planned':
                return ['', step.message || gettext('waiting')];
            case 'starting':
                return ['busy', gettext('starting')];
            case 'running':
                // Why its figures are old, or that it is being stopped.
                return step.message
                    ? ['busy', `${step.message}; ${this.speed(step)}`]
                    : ['', this.speed(step)];
            case 'verifying': {
                let words = step.ha
                    ? gettext('HA is moving it to {0}')
                    : gettext('waiting to see it on {0}');
                let most = Ext.String.format(gettext('at most {0} minutes'), step.ha ? 60 : 5);
                return ['busy', `${Ext.String.format(words, step.target)}, ${most}`];
            }
            case 'done': {
                // Without a start it was HA that moved it on its own.
                let seen = step.started
                    ? Ext.String.format(gettext('seen on {0} after {1}'), step.target, took)
                    : Ext.String.format(gettext('seen on {0}'), step.target) + message;
                return ['good', seen];
            }
            case 'failed':
                return ['bad', gettext('failed') + message];
            case 'unknown':
                return ['bad', gettext('outcome unknown') + message];
            case 'skipped':
                return ['warning', gettext('skipped') + message];
            case 'cancelled':
                return ['warning', gettext('cancelled') + message];
            default:
                return ['warning', step.state + message];
        }
    },

    speed: function (step) {
        if (!step.total) {
            return gettext('migrating');
        }
        let [done, total] = [step.done, step.total].map(PRS.Format.size);
        let parts = [Ext.String.format(gettext('{0} of {1}'), done, total)];
        if (step.speed > 0) {
            parts.push(`${PRS.Format.size(step.speed)}/s`);
        }
        if (step.seconds_left !== null) {
            parts.push(Ext.String.format(gettext('{0} left'), PRS.Format.clock(step.seconds_left)));
        }
        return parts.join(', ');
    },
});
