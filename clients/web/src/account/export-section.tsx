import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import { Section } from './section.tsx';

/** All that is kept of the account, as a file. */
export function ExportSection() {
  const act = useAct();
  const download = async () => {
    const text = JSON.stringify(await client.account.export(), undefined, 2);
    const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    const link = document.createElement('a');
    link.href = address;
    link.download = 'boltorezka-export.json';
    link.click();
    URL.revokeObjectURL(address);
  };
  return (
    <Section title="Your data" text="Everything that this server keeps of you, with your messages, as a JSON file.">
      <Button variant="secondary" onPress={() => act(download, 'Your data is downloaded.')}>
        Download
      </Button>
    </Section>
  );
}
