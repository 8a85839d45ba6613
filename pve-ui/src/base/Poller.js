// Calls an async function again and again while its view lives, a pause after each answer, never while the page is hidden.
Ext.define('PRS.Poller', {
    statics: {
        running: 0,

        // Starts one that ends with its view. Not an event of the controller's: ExtJS 7 takes the controller away before.
        start: function (view, run, interval) {
            let config = interval ? { run: run, interval: interval } : { run: run };
            let poller = Ext.create('PRS.Poller', config);
            view.on('destroy', () => poller.stop());
            poller.start();
            return poller;
        },
    },

    config: {
        run: undefined,
        interval: 2000,
    },

    constructor: function (config) {
        this.initConfig(config);
    },

    start: function () {
        if (!this.active) {
            this.active = true;
            PRS.Poller.running++;
            this.tick();
        }
    },

    stop: function () {
        if (this.active) {
            this.active = false;
            PRS.Poller.running--;
            clearTimeout(this.timer);
        }
    },

    // Asks now, unless a call is under way.
    soon: function () {
        if (this.active && !this.busy) {
            clearTimeout(this.timer);
            this.tick();
        }
    },

    tick: async function () {
        let me = this;
        if (!document.hidden) {
            me.busy = true;
            try {
                await me.getRun()();
            } catch (err) {
                PRS.complain('poll', err);
            }
            me.busy = false;
        }
        if (me.active) {
            me.timer = setTimeout(() => me.tick(), me.getInterval());
        }
    },
});
