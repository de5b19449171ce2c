// The only script. Every page is complete without it; it keeps numbers fresh and adds the shared time cursor.

import { followCursor } from "./client/cursor";
import { readFiles } from "./client/file";
import { filterRows } from "./client/filter";
import { openStream } from "./client/live";
import { refreshPreview } from "./client/preview";
import { showHarmInTab } from "./client/tab";
import { offerThemes } from "./client/theme";

offerThemes();
filterRows();
readFiles();
followCursor();
refreshPreview();
showHarmInTab();
openStream();
