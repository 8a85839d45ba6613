/*
 * The panel: all classes that the boot script fetches when the tab, or a drain, is first opened. Whatever fails here is told in
 * PRS.failed, and the boot script shows it where the panel would have been.
 */
(function () {
    let PRS = window.PRS;
    try {
        if (PRS.version !== '@VERSION@') {
            throw new Error(
                'The rebalancing service was updated on this node: reload this page in the browser.',
            );
        }
        // biome-ignore lint/correctness/noUnusedVariables: the classes use it
        let gettext = PRS.gettext;

        /* @CLASSES@ */

        PRS.loaded = true;
    } catch (err) {
        PRS.failed = err;
        PRS.complain('panel', err);
    }
})();
