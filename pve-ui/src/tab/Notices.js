// What whoever looks at the tab should know, one line each, over everything else.
Ext.define('PRS.Notices', {
    extend: 'Ext.Component',
    xtype: 'prsNotices',

    hidden: true,
    padding: 10,
    userCls: 'pmx-hint',
    autoEl: { tag: 'div', role: 'status' },

    // `found` is a PRS.Readings, `plan` may be undefined, `trouble` is the error of the last round.
    fill: function (found, plan, trouble) {
        let me = this;
        let lines = trouble ? [me.failure(trouble)] : [];
        lines.push(...me.sentences(found, plan).map((text) => PRS.Format.warning(`${text}.`)));
        let html = lines.join('<br>');
        if (html !== me.shown) {
            me.shown = html;
            me.setHtml(html);
            me.setHidden(!html);
        }
    },

    failure: function (trouble) {
        let again = trouble.kind === 'session' ? gettext('Log in again to go on.') : '';
        return `${PRS.Format.icon('times-circle', 'critical')} ${PRS.Api.words(trouble)} ${again}`;
    },

    // Without their full stops, so that what cluster and plan both say appears once.
    sentences: function (found, plan) {
        let told = [
            ...((found.status && found.status.warnings) || []),
            ...((found.cluster && found.cluster.problems) || []),
            ...((plan && plan.warnings) || []),
        ];
        if (found.status && !found.status.daemon) {
            told.push(
                gettext(
                    'The service that carries jobs out is not running: jobs wait until it is started.',
                ),
            );
        }
        let silent = ((found.jobs && found.jobs.peers) || []).filter((peer) => !peer.reached);
        if (silent.length) {
            let names = silent.map((peer) => peer.node).join(', ');
            let words = gettext('Jobs started on {0} are not shown here: {1}');
            told.push(Ext.String.format(words, names, silent[0].message));
        }
        return [...new Set(told.map((text) => text.replace(/\.$/, '')))];
    },
});
