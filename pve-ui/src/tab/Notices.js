// What whoever looks at the tab should know, one line each, over everything else.
Ext.define('PRS.Notices', {
    extend: 'Ext.Component',
    xtype: 'prsNotices',

    hidden: true,
    padding: 10,
    userCls: 'pmx-hint',
    autoEl: { tag: 'div', role: 'status' },

    statics: {
        // Of more than three sentences with the same shape the first, and how many more there are.
        alike: function (sentences, shape) {
            let found = new Map();
            sentences.forEach((text) => {
                found.set(shape(text), [...(found.get(shape(text)) || []), text]);
            });
            let more = gettext('{0} (and {1} more like this)');
            return [...found.values()].flatMap((texts) =>
                texts.length > 3 ? [Ext.String.format(more, texts[0], texts.length - 1)] : texts,
            );
        },

        // What peers say of themselves differs in their names and addresses.
        peers: (sentences) =>
            PRS.Notices.alike(sentences, (text) => text.replace(/^\S+ \(\S+\)/, '')),
    },

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

    // Each once, and what concerns many nodes as a number of them.
    sentences: function (found, plan) {
        let nodes = found.cluster ? found.cluster.nodes.map((node) => node.name) : [];
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
        told.push(...this.silent((found.jobs && found.jobs.peers) || []));
        return this.fold([...new Set(told.map((text) => text.replace(/\.$/, '')))], nodes);
    },

    // Nodes whose jobs cannot be shown.
    silent: function (peers) {
        let silent = peers.filter((peer) => !peer.reached);
        if (!silent.length) {
            return [];
        }
        let names = silent.map((peer) => peer.node).join(', ');
        if (silent.length > 3) {
            names = Ext.String.format(gettext('{0} nodes'), silent.length);
        }
        let words = gettext('Jobs started on {0} are not shown here: {1}');
        return [Ext.String.format(words, names, silent[0].message)];
    },

    // Sentences that differ only in the node they name become one.
    fold: function (sentences, nodes) {
        let name = new RegExp(
            `\\b(${nodes.map(Ext.String.escapeRegex).join('|') || '$.'})\\b`,
            'g',
        );
        return PRS.Notices.alike(sentences, (text) => text.replace(name, '\0'));
    },
});
