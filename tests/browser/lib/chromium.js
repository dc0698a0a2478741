// Chromium over CDP, with fake devices that show a moving picture and beep.
import { chromium } from 'playwright-core';
import { installProbe } from './probe.js';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // A small frame rate leaves two cores to the rest.
  '--use-fake-device-for-media-stream=fps=15',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  // Pages in the background are people too.
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
];

export function launchChromium() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

/** One window of one person, with cookies of its own. */
export class ChromiumDriver {
  console = [];
  errors = [];

  static async open(browser, { width = 1280, height = 720, isPhone = false } = {}) {
    const driver = new ChromiumDriver();
    driver.context = await browser.newContext({
      viewport: { width, height },
      permissions: ['camera', 'microphone'],
      ...(isPhone ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
    });
    await driver.context.addInitScript(installProbe);
    driver.#watch(await driver.context.newPage());
    return driver;
  }

  #watch(page) {
    this.page = page;
    page.setDefaultTimeout(15_000);
    page.on('console', (message) => {
      this.console.push(`${message.type()}: ${message.text()}`);
      if (message.text().includes('Content Security Policy')) this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(String(error)));
  }

  /** Another window of the same person: the same cookies. */
  async another() {
    const driver = new ChromiumDriver();
    driver.context = this.context;
    driver.#watch(await this.context.newPage());
    return driver;
  }

  goto(url) {
    return this.page.goto(url);
  }

  reload() {
    return this.page.reload();
  }

  click(role, name) {
    return this.page.getByRole(role, { name, exact: true }).click();
  }

  fill(label, value) {
    return this.page.getByLabel(label, { exact: true }).fill(value);
  }

  isVisible(role, name) {
    return this.page.getByRole(role, { name, exact: true }).isVisible();
  }

  isPressed(name) {
    return this.page
      .getByRole('button', { name, exact: true })
      .getAttribute('aria-pressed')
      .then((pressed) => pressed === 'true');
  }

  evaluate(work, argument) {
    return this.page.evaluate(work, argument);
  }

  screenshot(path) {
    return this.page.screenshot({ path });
  }

  close() {
    return this.context.close();
  }
}
