// Chooses, tries and begins a round. For the controller of the window of rolling maintenance.
Ext.define('PRS.RoundStart', {
    extend: 'Ext.Mixin',

    mixinConfig: { id: 'roundstart' },

    onNew: function () {
        let me = this;
        me.preview = undefined;
        me.showPart('begin');
        return me.busily(gettext('Reading the nodes and their kernels'), async (begin) => {
            let paths = ['/rounds/nodes', '/status'];
            let [found, status] = await Promise.all(paths.map((path) => PRS.Api.get(path)));
            if (!me.destroyed) {
                begin.offer(found.nodes, status);
                me.tell(PRS.Format.esc(PRS.BeginWords.invite(found.nodes)));
            }
        });
    },

    // Nothing can be changed or pressed until the work is done, and what goes wrong is said.
    busily: async function (words, work) {
        let me = this;
        let begin = me.lookup('begin');
        me.busy = words;
        me.offerStart();
        me.tell(PRS.Format.busy(words));
        begin.setLoading(true);
        try {
            await work(begin);
        } catch (err) {
            me.tell(PRS.Format.icon('times-circle', 'critical') + PRS.Api.words(err));
        }
        me.busy = '';
        if (!me.destroyed) {
            begin.setLoading(false);
            me.offerStart();
        }
    },

    // Unless a round that somebody else has begun is shown meanwhile.
    tell: function (html) {
        if (!this.destroyed && this.choosing) {
            this.say(html);
        }
    },

    onBack: function () {
        this.showPart('nodes');
        this.fill(this.last);
    },

    onChanged: function () {
        let me = this;
        if (me.preview && !me.tried()) {
            let words = gettext('This has changed since the dry run: do it again.');
            me.tell([PRS.Format.warning(words), ...me.verdict].join('<br>'));
        } else if (me.preview) {
            me.tell(me.verdict.join('<br>'));
        }
        me.offerStart();
    },

    // The dry run of what is asked for now, undefined without one.
    tried: function () {
        let { preview, key } = this;
        let asked = this.lookup('begin').asked();
        return preview && key === PRS.BeginWords.key(asked) ? preview : undefined;
    },

    offerStart: function () {
        let me = this;
        let asked = me.lookup('begin').asked();
        let some = PRS.Format.right(asked.nodes.length, gettext('Tick a node first.'));
        let may = PRS.BeginWords.right(me.may, asked, me.tried());
        if (me.busy) {
            some = may = PRS.Format.right(false, me.busy);
        }
        PRS.Format.gate(me.lookup('dryRun'), some, gettext('Tell what would be done'));
        PRS.Format.gate(me.lookup('start'), may);
    },

    onDryRun: async function () {
        let me = this;
        me.preview = undefined;
        await me.busily(gettext('Looking at each node'), async (begin) => {
            let found = await PRS.Api.post('/rounds/preview', begin.asked());
            if (me.destroyed) {
                return;
            }
            begin.fill(found);
            let asked = begin.asked();
            me.preview = found;
            me.key = PRS.BeginWords.key(asked);
            me.verdict = PRS.BeginWords.verdict(found, asked);
            me.tell(me.verdict.join('<br>'));
        });
        // It was greyed out meanwhile, which takes the focus away.
        if (!me.destroyed && me.choosing) {
            me.lookup('dryRun').focus();
        }
    },

    onStart: function () {
        let me = this;
        let asked = me.lookup('begin').asked();
        let rides = me.lookup('rides').rides(asked.nodes);
        let question = PRS.BeginWords.question(asked, me.preview, rides);
        Ext.Msg.confirm(gettext('Confirm'), question, (answer) => {
            if (answer === 'yes') {
                me.start(asked);
            }
        });
    },

    start: function (asked) {
        let me = this;
        return me.busily(gettext('Beginning the round'), async () => {
            let round = await PRS.Api.post('/rounds', asked);
            if (!me.destroyed) {
                me.changed(round);
            }
        });
    },
});
