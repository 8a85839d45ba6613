// One line under the toolbar: how automatic balancing stands, as the node tells it that leads.
Ext.define('PRS.BalancingStrip', {
    extend: 'Ext.Component',
    xtype: 'prsBalancingStrip',

    hidden: true,
    padding: '5 10',
    autoEl: { tag: 'div', role: 'status' },

    // `found` is the status answer's `balancing`, which may be null.
    fill: function (found) {
        let me = this;
        let html = found ? me.parts(found).join(' &middot; ') : '';
        if (html !== me.shown) {
            me.shown = html;
            me.setHtml(html);
            me.setHidden(!html);
        }
    },

    parts: function (found) {
        let { state } = found;
        let parts = [this.level(found.level)];
        if (found.level !== 'off') {
            parts.push(PRS.Format.esc(this.limits(found)));
        }
        if (state.leader) {
            parts.push(this.about(gettext('{0} leads'), state.leader));
        }
        if (state.last_run) {
            let outcome = [state.result, found.outcome].filter((text) => text).join(' ');
            parts.push(
                this.about(gettext('Last run {0}: {1}'), PRS.Format.when(state.last_run), outcome),
            );
        }
        if (found.level !== 'off' && found.paused_until) {
            parts.push(
                this.about(gettext('Paused until {0}'), PRS.Format.when(found.paused_until)),
            );
        } else if (state.next_run) {
            parts.push(this.about(gettext('Next run {0}'), PRS.Format.when(state.next_run)));
        }
        if (found.level !== 'off' && state.waiting && state.waiting !== 'its time') {
            parts.push(this.about(gettext('Waits for {0}'), state.waiting));
        }
        return parts;
    },

    level: function (level) {
        let words = {
            off: gettext('Automatic balancing is off'),
            suggest: gettext('Automatic balancing suggests plans'),
            on: gettext('Automatic balancing is on'),
        };
        let icon =
            level === 'on'
                ? PRS.Format.icon('check-circle', 'good')
                : PRS.Format.icon('circle-o', 'faded');
        return `${icon} <b>${PRS.Format.esc(words[level] || level)}</b>`;
    },

    limits: function (found) {
        let method = PRS.Format.method(found.method) || found.method;
        let parts = [method, PRS.Format.percent(found.spread)];
        if (found.max_moves) {
            parts.push(
                PRS.Format.count(
                    found.max_moves,
                    gettext('{0} migration at most'),
                    gettext('{0} migrations at most'),
                ),
            );
        }
        if (found.max_bytes) {
            parts.push(PRS.Format.size(found.max_bytes));
        }
        return parts.join(', ');
    },

    // A translated sentence with what is not ours in it, encoded.
    about: function (words, ...values) {
        return Ext.String.format(PRS.Format.esc(words), ...values.map(PRS.Format.esc));
    },
});
